import { readFileSync } from 'node:fs';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node } from 'yaml';
import type { Mistake } from './mistake.ts';

/** A YAML file as read: its data, what is wrong with its YAML, and where each field stands. */
export interface Source {
  file: string;
  /** Undefined when the file cannot be read as YAML at all. */
  data: unknown;
  mistakes: Mistake[];
  /** Line of the field at this path, or of the nearest block around it that is there. */
  lineOf(path: readonly PropertyKey[]): number;
}

/** Reads a YAML file. Never throws for what a person wrote: that becomes a mistake with its line. */
export function readSource(file: string): Source {
  const text = readText(file);
  if (text === undefined) {
    const missing = { file, line: 1, field: 'the file', found: 'nothing', allowed: 'a YAML file at this place' };
    return { file, data: undefined, mistakes: [missing], lineOf: () => 1 };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const mistakes = [...document.errors, ...document.warnings].map(({ code, message, pos }): Mistake => {
    const line = lineAt(pos[0]);
    const found = text.split('\n')[line - 1]?.trim() || 'the end of the file';
    return code === 'DUPLICATE_KEY'
      ? { file, line, field: found.split(':')[0]!, found: 'the same key a second time', allowed: 'each key once' }
      : { file, line, field: 'YAML', found, allowed: `valid YAML (${message})` };
  });
  // A duplicate key leaves the rest of the file readable, so the rest is checked too; other faults do not.
  const readable = document.errors.every(({ code }) => code === 'DUPLICATE_KEY');
  return {
    file,
    data: readable ? document.toJS() : undefined,
    mistakes,
    lineOf: (path) => lineAt(offsetOf(document, path)),
  };
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const name of path) {
    const here = isAlias(node) ? node.resolve(document) : node;
    if (isMap(here)) {
      const pair = here.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(name));
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(here)) {
      node = here.items[Number(name)];
      if (!node) break;
      offset = (node as Node).range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
