import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../local/bare/cache.mjs';

/** Copies to a new folder all that a synthesis reads, for a test that changes it or needs it elsewhere. */
export function copyCheckout(to: string): string {
  const needed = ['bin', 'config', 'lambdas', 'lib', 'statemachines', 'cdk.json', 'package.json', 'tsconfig.json'];
  for (const file of needed) cpSync(join(checkout, file), join(to, file), { recursive: true });
  symlinkSync(join(checkout, 'node_modules'), join(to, 'node_modules'));
  return to;
}
