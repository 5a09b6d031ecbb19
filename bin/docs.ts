import { writeFileSync } from 'node:fs';
import { operationsPage } from '../lib/operations-page.ts';

writeFileSync(new URL('../docs/operations.md', import.meta.url), operationsPage());
