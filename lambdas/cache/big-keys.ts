import type { BigKey } from '../clients/redis/big-keys.ts';
import type { Finding } from '../framework/result.ts';

const mebibytes = (bytes: number) => `${Number((bytes / 2 ** 20).toFixed(1)).toLocaleString('en')} MiB`;

/** Types whose values are not freed in a moment. */
const slowToFree = ['hash', 'zset', 'set', 'stream', 'list'];

/** K2. Each big key as something to read: what it is, and what it does to everybody else when it goes. */
export const bigKeyFinding = ({ key, type, bytes, expiresIn }: BigKey): Finding => ({
  severity: 'warning',
  subject: key.slice(0, 300),
  message: [
    `A ${type} of ${mebibytes(bytes)}.`,
    ...(slowToFree.includes(type) ? ['DEL of it stops every other client until it is freed: use UNLINK.'] : []),
    ...(expiresIn !== undefined
      ? [
          `It expires in ${expiresIn.toLocaleString('en')} s, which stops them as well where lazyfree-lazy-expire is no.`,
        ]
      : []),
    'Ask its owner to divide it, or to give it an end.',
  ].join(' '),
});

/** K2. What the server's doctor found; undefined for a server in good health, or too empty to be examined. */
export function doctorFinding({ at, says }: { at: string; says: string }): Finding | undefined {
  const complaints = [...says.matchAll(/^ \* (.+)$/gm)].map(([, complaint]) => complaint!.trim());
  if (complaints.length === 0) return undefined;
  return {
    severity: 'warning',
    subject: `Memory of ${at}`,
    message: `MEMORY DOCTOR says: ${complaints.join(' ')}`.slice(0, 2_000),
  };
}
