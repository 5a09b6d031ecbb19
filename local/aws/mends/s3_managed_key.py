"""An object can be encrypted by KMS without a key being named.

With x-amz-server-side-encryption: aws:kms and no key id, S3 uses the AWS managed key aws/s3 ("Using server-side
encryption with AWS KMS keys", S3 User Guide). The CDK publishes its assets this way when their bucket is encrypted.

The emulator refuses such a write.
"""

from mending import wrap

KEY_ID = "x-amz-server-side-encryption-aws-kms-key-id"


def mend() -> None:
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import s3

    @wrap(s3, "_resolve_sse_write_headers")
    def _resolve_sse_write_headers(original, headers, bucket):
        if headers.get("x-amz-server-side-encryption") == "aws:kms" and not headers.get(KEY_ID):
            managed = f"arn:aws:kms:{get_region()}:{get_account_id()}:alias/aws/s3"
            headers = {**headers, KEY_ID: s3._bucket_default_sse_headers(bucket).get(KEY_ID, managed)}
        return original(headers, bucket)
