/** An error as the AWS SDK throws it. */
export const refusal = (name: string, httpStatusCode: number): Error =>
  Object.assign(new Error('said no'), { name, $metadata: { httpStatusCode } });
