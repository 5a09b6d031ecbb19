import {
  GetFunctionCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { build } from 'esbuild';
import type { StepName } from '../../lambdas/registry.ts';
import { bundling } from '../../lib/constructs/bundles.ts';
import { zip } from '../local/aws/support.ts';
import type { Production } from './production.ts';

type Deployed = Pick<Production, 'lambda' | 'names'>;

/**
 * Deploys other code for a step: the source of a module, bundled as the deployment bundles, its imports relative to the checkout.
 * What the function was is put back by disposing of the answer.
 */
export async function replaceCode(to: Deployed, step: StepName, source: string): Promise<AsyncDisposable> {
  const FunctionName = to.names.functionName(step);
  const { Code } = await to.lambda.send(new GetFunctionCommand({ FunctionName }));
  const original = Buffer.from(await (await fetch(Code!.Location!)).arrayBuffer());
  await update(to, FunctionName, zip('index.mjs', await bundled(source)));
  return { [Symbol.asyncDispose]: () => update(to, FunctionName, original) };
}

/** Gives a function a shorter time limit, in seconds, until the answer is disposed of. */
export async function limitTime(
  { lambda, names }: Deployed,
  step: StepName,
  seconds: number,
): Promise<AsyncDisposable> {
  const FunctionName = names.functionName(step);
  const set = async (Timeout: number) => {
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Timeout }));
    await updated({ lambda, names }, FunctionName);
  };
  const { Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName }));
  await set(seconds);
  return { [Symbol.asyncDispose]: () => set(Configuration!.Timeout!) };
}

async function bundled(source: string): Promise<string> {
  const { outputFiles } = await build({
    ...bundling,
    minify: false,
    write: false,
    stdin: { contents: source, resolveDir: bundling.absWorkingDir, loader: 'ts' },
  });
  return outputFiles[0]!.text;
}

async function update(to: Deployed, FunctionName: string, ZipFile: Uint8Array): Promise<void> {
  await to.lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
  await updated(to, FunctionName);
}

async function updated({ lambda }: Deployed, FunctionName: string): Promise<void> {
  await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 20, minDelay: 1, maxDelay: 1 }, { FunctionName });
}
