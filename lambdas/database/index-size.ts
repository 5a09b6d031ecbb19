import type { KeyColumn } from '../clients/postgres/survey/layouts.ts';

/** What the size of a btree follows from. */
export interface Shape {
  /** Live entries. */
  entries: number;
  columns: readonly KeyColumn[];
  /** Percent. */
  fillfactor: number;
  /** A build puts equal keys into posting lists: not unique, and every operator class allows it (13 and later). */
  deduplicates: boolean;
  /** Bytes of a page. */
  page: number;
}

/** Bytes of a page that are none of its entries: header, the btree's own end of it. */
const pageOverhead = 24 + 16;
const linePointer = 4;
const tupleHeader = 8;
/** With a bitmap of NULLs behind it, aligned. */
const tupleHeaderWithNulls = 16;
const rowPointer = 6;
/** Pages above the leaves are filled by so much in every build (BTREE_NONLEAF_FILLFACTOR). */
const innerFill = 0.7;

/**
 * Bytes that a btree would have after a rebuild: by the layout of its pages (src/backend/access/nbtree/nbtsort.c), with equal
 * keys put together as a build does it. Within 2 % for keys of one length where the number of different keys is known; 15 % else.
 */
export function rebuiltBytes({ entries, columns, fillfactor, deduplicates, page }: Shape): number {
  const tuple = tupleBytes(columns);
  const { bytes, items } = deduplicates
    ? postingLists(entries, differentKeys(entries, columns), tuple, page)
    : { bytes: entries * (tuple + linePointer), items: entries };
  if (items === 0) return page;
  const item = bytes / items;
  // The page's first item is the next one's lowest key, so one item of each page is not counted.
  const leaf = Math.max(1, itemsOn(page - pageOverhead - (page * (100 - fillfactor)) / 100, item) - 1);
  const leaves = Math.ceil(items / leaf);
  const fanout = Math.max(2, itemsOn((page - pageOverhead) * innerFill, tuple + linePointer));
  let pages = 1 + leaves;
  for (let level = leaves; level > 1; pages += level) level = Math.ceil(level / fanout);
  return pages * page;
}

/** A page is full once an item reaches beyond what is to be used; on the average, half of it does where lengths vary. */
const itemsOn = (usable: number, item: number) =>
  Number.isInteger(item) ? Math.ceil(usable / item) : usable / item + 0.5;

function tupleBytes(columns: readonly KeyColumn[]): number {
  let data = 0;
  for (const { width, varies, align, nulls } of columns) {
    if (!varies && nulls < 1) data = aligned(data, align);
    data += width * (1 - nulls);
  }
  const someNull = 1 - columns.reduce((all, { nulls }) => all * (1 - nulls), 1);
  const header = tupleHeader + someNull * (tupleHeaderWithNulls - tupleHeader);
  // The sum of lengths that vary is as often just under a multiple of 8 as just over it.
  return header + (columns.some(({ varies, nulls }) => varies || nulls > 0) ? data + 3.5 : aligned(data, 8));
}

const aligned = (bytes: number, to: number) => Math.ceil(bytes / to) * to;

/** Keys that differ: never fewer than in any one column; for several columns as if none depended on another, so rather too many. */
function differentKeys(entries: number, columns: readonly KeyColumn[]): number {
  const product = columns.reduce((all, { distinct, nulls }) => {
    if (distinct === 0) return entries;
    return all * ((distinct < 0 ? -distinct * entries : distinct) + (nulls > 0 ? 1 : 0));
  }, 1);
  return Math.max(1, Math.min(entries, product));
}

/** Bytes and number of the items in which a build stores `entries` rows under `keys` different keys. */
function postingLists(entries: number, keys: number, tuple: number, page: number): { bytes: number; items: number } {
  const rows = entries / keys;
  // A build ends a list at a tenth of the page.
  const most = Math.floor((Math.floor(page / 10 / 8) * 8 - linePointer - tuple) / rowPointer);
  if (most < 2 || rows <= 1) return { bytes: entries * (tuple + linePointer), items: entries };
  const list = (length: number) => (length <= 1 ? tuple : tuple + aligned(rowPointer * length, 8)) + linePointer;
  const full = Math.floor(rows / most);
  const rest = rows - full * most;
  const [under, over] = [Math.floor(rest), Math.ceil(rest)];
  const last = under === over ? rest && list(rest) : lengthBetween(under, over, rest, list);
  return { bytes: keys * (full * list(most) + last), items: keys * (full + (rest > 0 ? 1 : 0)) };
}

const lengthBetween = (under: number, over: number, rest: number, list: (length: number) => number) =>
  (under === 0 ? 0 : list(under)) * (over - rest) + list(over) * (rest - under);
