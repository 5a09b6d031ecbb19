"""A connection to this machine counts as encrypted.

AWS's endpoints are reached by TLS, and policies may refuse anything else by aws:SecureTransport ("AWS global condition
context keys"): the bucket for assets that `cdk bootstrap` makes does, and so does every bucket with enforceSSL.

The emulator speaks plain HTTP on 127.0.0.1, so with enforced IAM it refuses each `cdk deploy`.
"""

from mending import wrap


def mend() -> None:
    from ministack import app

    @wrap(app, "pin_request_origin")
    def pin_request_origin(original, client_ip, _secure):
        original(client_ip, True)
