import { vi } from 'vitest';

interface Embedded {
  _aws: { CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[] };
  [key: string]: unknown;
}

/** One metric as CloudWatch reads it out of the log: its dimensions as `environment=production`, in their order. */
export interface WrittenMetric {
  namespace: string;
  name: string;
  dimensions: string;
  value: number;
}

/** The metrics that are written to the log meanwhile. */
export async function writtenMetrics(meanwhile: () => unknown): Promise<WrittenMetric[]> {
  const lines: string[] = [];
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((line) => {
    lines.push(String(line));
    return true;
  });
  try {
    await meanwhile();
  } finally {
    stdout.mockRestore();
  }
  return lines
    .filter((line) => line.includes('"_aws"'))
    .map((line) => JSON.parse(line) as Embedded)
    .flatMap((written) =>
      written._aws.CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) =>
        Metrics.flatMap(({ Name }) =>
          Dimensions.map((names) => ({
            namespace: Namespace,
            name: Name,
            dimensions: names.map((name) => `${name}=${String(written[name])}`).join(' '),
            value: written[Name] as number,
          })),
        ),
      ),
    );
}
