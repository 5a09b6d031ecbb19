declare module 'asl-validator' {
  /** Checks a state machine definition against the schema of the Amazon States Language. */
  export default function validate(
    definition: unknown,
    options?: { checkPaths?: boolean; checkArn?: boolean },
  ): { isValid: boolean; errorsText: (separator?: string) => string };
}
