import * as z from 'zod';

/** What was counted of rows in COPY's text format, uncompressed: a line is a row, since COPY escapes newlines. */
export const Measured = z.strictObject({
  lines: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  /** Hexadecimal. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Measured = z.infer<typeof Measured>;

/** What was stored of them: one object, compressed with zstd. */
export const Receipt = Measured.extend({
  key: z.string(),
  /** Compressed. */
  storedBytes: z.int().nonnegative(),
});
export type Receipt = z.infer<typeof Receipt>;

const Column = z.strictObject({
  name: z.string(),
  /** With its modifier and, outside pg_catalog, its schema. */
  type: z.string(),
  /** COPY … FROM does not take it, COPY (SELECT *) has it. */
  generated: z.boolean(),
});

/** The table whose rows were copied, as the catalog had it in the same snapshot. */
export const CopiedTable = z.strictObject({
  oid: z.int(),
  /** Schema-qualified, as SQL quotes it. */
  name: z.string(),
  columns: z.array(Column),
  /** Statements that make the table with its constraints and indexes. */
  ddl: z.array(z.string()),
});
export type CopiedTable = z.infer<typeof CopiedTable>;

/** How the rows were read: what is needed to read them back as they were. */
export const CopiedFrom = z.strictObject({
  database: z.string(),
  systemIdentifier: z.string(),
  serverVersion: z.string(),
  /** Settings that decide how values are written, and the encoding. */
  settings: z.record(z.string(), z.string()),
  /** When the snapshot was taken, by the server's clock. */
  at: z.iso.datetime({ offset: true }),
});

/** Rows of one snapshot and what the server itself says of them. */
export const CopiedRows = z.strictObject({
  table: CopiedTable,
  from: CopiedFrom,
  /** Which of its rows, as SQL over `t`; without it all. */
  condition: z.string().optional(),
  /** The table they belong to, where it is another: the parent of a partition. */
  belongsTo: z.string().optional(),
  /** count(*). */
  rows: z.int().nonnegative(),
  /** The rows that COPY says it wrote. */
  copied: z.int().nonnegative(),
  /** sum(hashtextextended(t::text, 0)::numeric): the same in whatever order the rows come. */
  contentHash: z.string().regex(/^-?\d+$/),
});
export type CopiedRows = z.infer<typeof CopiedRows>;

/** What makes stored rows an archive. It is written last: rows without one are the leftover of a call that failed. */
export const Manifest = z.strictObject({
  version: z.literal(1),
  ...CopiedRows.shape,
  stored: Receipt,
  /** The run that archived them. */
  run: z.string(),
});
export type Manifest = z.infer<typeof Manifest>;
