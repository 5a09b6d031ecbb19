const consoles: Record<string, string> = {
  'aws-cn': 'console.amazonaws.cn',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
};

/** Where the console of an ARN's partition and region is. */
function consoleOf(arn: string): { base: string; region: string } {
  const [, partition = 'aws', , region = ''] = arn.split(':');
  return { base: `https://${consoles[partition] ?? `${region}.console.aws.amazon.com`}`, region };
}

/** The page of an execution in the Step Functions console; it asks for a login. */
export function executionLink(execution: string): string {
  const { base, region } = consoleOf(execution);
  return `${base}/states/home?region=${region}#/v2/executions/details/${execution}`;
}

/**
 * The page of an object in the S3 console of the execution's partition and region; it asks for a login. No presigned link: that
 * dies with the session that signed it.
 */
export function objectLink(execution: string, bucket: string, key: string): string {
  const { base, region } = consoleOf(execution);
  return `${base}/s3/object/${bucket}?region=${region}&prefix=${encodeURIComponent(key)}`;
}
