import * as z from 'zod';
import { cloudwatch } from '../clients/cloudwatch.ts';
import { series } from '../clients/series.ts';
import { Environment } from '../framework/run.ts';
import { standalone } from '../framework/step.ts';
import { readPlatform } from './platform-reading.ts';
import { PlatformMetric } from './platform.ts';

/** O1. The same reading between the windows, once an hour: it changes nothing, so it needs no lease. */
export const handler = standalone({
  input: z.strictObject({
    environment: Environment,
    metrics: z.array(PlatformMetric),
    /** How long a day is kept, in days. */
    keepDays: z.int().positive(),
  }),
  answer: z.strictObject({
    /** Days that have become another. */
    days: z.int(),
    /** Metrics without data in the last 24 hours. */
    gaps: z.array(z.string()),
  }),
  uses: { cloudwatch, series },
  example: { days: 1, gaps: ['queue_length'] },
  run: ({ environment, metrics, keepDays }, { cloudwatch, series }) =>
    readPlatform(cloudwatch, series, { environment, metrics, keepDays }, new Date()),
});
