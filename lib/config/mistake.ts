/** One thing wrong in the configuration, for the person who wrote it. */
export interface Mistake {
  file: string;
  /** Line in that file, from 1. */
  line: number;
  /** Path of the field: `targets.databases[0].secretArn`. */
  field: string;
  /** What stands there, shortened; `nothing` where the field is missing. */
  found: string;
  /** What may stand there, in words. */
  allowed: string;
  /** The known name that was probably meant. */
  nearest?: string;
}

/** Every mistake of the configuration at once: nobody should have to synthesize five times to learn of five typing errors. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    const count = mistakes.length === 1 ? 'one mistake' : `${mistakes.length} mistakes`;
    super([`The configuration has ${count}; correct the file and run again.`, ...mistakes.map(sentence)].join('\n'));
    this.mistakes = mistakes;
  }
}

function sentence({ file, line, field, found, allowed, nearest }: Mistake): string {
  const meant = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  return `  ${file}:${line} ${field}: found ${found}.${meant} Allowed: ${allowed}.`;
}
