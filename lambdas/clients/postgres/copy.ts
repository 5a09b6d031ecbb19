import { PassThrough, type Readable } from 'node:stream';
import type { Client } from 'pg';

/**
 * COPY … TO STDOUT: `take` is handed its lines and answers when it is done with them. Where it gives up first, the statement is
 * cancelled and the connection stays usable. Answers the rows that the server says it wrote.
 */
export type Copy = <T>(text: string, take: (lines: Readable) => Promise<T>) => Promise<{ rows: number; taken: T }>;

/** @throws what the server said, or what `take` threw before it. */
export async function copyOut<T>(
  client: Client,
  text: string,
  take: (lines: Readable) => Promise<T>,
  cancel: (over: () => boolean) => Promise<void>,
): Promise<{ rows: number; taken: T }> {
  const { default: copyStreams } = await import('pg-copy-streams');
  const source = client.query(copyStreams.to(text));
  const lines = new PassThrough();
  let failure: Error | undefined;
  let over = false;
  const ended = new Promise<void>((resolve) => {
    const end = (error?: Error) => {
      over = true;
      failure ??= error;
      if (error) lines.destroy(error);
      resolve();
    };
    source.on('end', () => end()).on('error', end);
  });
  source.pipe(lines);
  try {
    const taken = await take(lines);
    await ended;
    if (failure) throw failure;
    // The server counts after the last row: once it answers the next statement, the count is here.
    await client.query('SELECT');
    return { rows: source.rowCount, taken };
  } catch (error) {
    const first = failure ?? error;
    // Until it is drained nothing else comes through the connection.
    source.unpipe(lines).resume();
    await Promise.all([ended, cancel(() => over)]);
    throw first;
  }
}
