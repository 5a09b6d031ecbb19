import { millis, run } from './measure.ts';
import type { Row } from './table.ts';

/** From the command of a person to the report, everything being installed. */
export async function startRows(): Promise<Row[]> {
  const took = await millis(() => run('npm', ['start']));
  return [{ what: 'npm start, from an installed clone to the report', value: took / 1_000, unit: 's', bar: 90 }];
}
