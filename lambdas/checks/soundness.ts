import type { DocumentFacts, FunctionFacts, MachineFacts } from '../clients/automation.ts';
import { definitionHash, documentHash } from '../framework/definition.ts';

/** Whether a part of the automation is sound: `reason` where it is not, `wait` where it is being changed at this moment. */
export interface Soundness {
  reason?: string;
  wait?: string;
}

const deployAgain = 'Deploy again, then start the window again.';

/** C4. The definition on the account is the one that was deployed, and Step Functions takes it. */
export function soundnessOfMachine(name: string, hash: string, found: MachineFacts | undefined): Soundness {
  if (!found) return { reason: `The state machine ${name} is not on the account. ${deployAgain}` };
  const [error] = found.errors;
  if (error !== undefined)
    return { reason: `Step Functions refuses the definition of ${name}: ${error} ${deployAgain}` };
  return hashOf(found.definition, definitionHash) === hash
    ? {}
    : {
        reason: `The definition of ${name} is not the one that was deployed: somebody edited it since, or a deployment came after this run had begun. ${deployAgain}`,
      };
}

function hashOf(text: string, hash: (text: string) => string): string | undefined {
  try {
    return hash(text);
  } catch {
    return undefined; // no JSON, so not what was deployed
  }
}

/** C4. The function can be called, and carries the code of this deployment. */
export function soundnessOfFunction(name: string, code: string, found: FunctionFacts | undefined): Soundness {
  if (!found) return { reason: `The function ${name} is not on the account. ${deployAgain}` };
  const { state, lastUpdate, reason } = found;
  const why = reason ? ` (${reason})` : '';
  if (state === 'Pending' || lastUpdate === 'InProgress')
    return { wait: `the function ${name} is being deployed${why}` };
  if (state === 'Inactive')
    return {
      reason: `The function ${name} is Inactive${why}: it was not called for weeks, so Lambda took its network away. Call it once; within a minute it is Active.`,
    };
  if (state !== 'Active') return { reason: `The function ${name} is ${state}${why}. ${deployAgain}` };
  if (lastUpdate !== 'Successful')
    return { reason: `The last update of the function ${name} is ${lastUpdate}${why}. ${deployAgain}` };
  return codeOf(found.description) === code
    ? {}
    : {
        reason: `The function ${name} is of another deployment: its description says “${found.description}”, code ${code} is expected. ${deployAgain}`,
      };
}

/** C4. The document that steps run on hosts says what was deployed. */
export function soundnessOfDocument(name: string, hash: string, found: DocumentFacts | undefined): Soundness {
  if (!found) return { reason: `The SSM document ${name} is not on the account. ${deployAgain}` };
  const { status, reason, content } = found;
  const why = reason ? ` (${reason})` : '';
  if (status === 'Creating' || status === 'Updating')
    return { wait: `the SSM document ${name} is being deployed${why}` };
  if (status !== 'Active') return { reason: `The SSM document ${name} is ${status}${why}. ${deployAgain}` };
  return hashOf(content, documentHash) === hash
    ? {}
    : {
        reason: `The default version of the SSM document ${name} is not the one that was deployed: somebody edited it since, or made another version the default. Nothing runs on hosts until it is: ${deployAgain.toLowerCase()}`,
      };
}

/** The hash of its bundle, which the infrastructure puts at the end of each function's description. */
const codeOf = (description: string) => /, code (\w+)$/.exec(description)?.[1];
