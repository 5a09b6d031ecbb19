import { readFileSync } from 'node:fs';

/** An SSM document of this automation: what it does on a host, and the only thing that its steps may run there. */
export interface HostDocument {
  /** Without the environment; letters, digits, dashes. */
  name: string;
  /** Schema 2.2, as SSM takes it in JSON. */
  content: object;
}

interface Parameter {
  description: string;
  /** Anchored: SSM looks for it anywhere in the value. The script checks it again. */
  pattern: `^${string}$`;
  default?: string;
}

interface Work {
  name: string;
  description: string;
  parameters?: Record<string, Parameter>;
  /** It changes something: the same job is done once, at a low priority. What a second command of it answers is what the first did. */
  once: boolean;
  /** Two at once on a host would disturb each other, whatever their jobs. */
  alone: boolean;
  /** The longest it may take, seconds; a command may ask for less. */
  seconds: number;
}

const yes = (so: boolean) => (so ? 'yes' : 'no');
const read = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8');

/** The whole script of a document: the frame, told what it frames, then the work. */
export const scriptOf = ({ name, once, alone }: Pick<Work, 'name' | 'once' | 'alone'>): string =>
  read('frame.sh').replace(
    'set -euo pipefail\n',
    `set -euo pipefail\ndocument=${name} once=${yes(once)} alone=${yes(alone)}\n`,
  ) +
  '\n' +
  read(`${name}.sh`);

const jobs = '^[a-z0-9][a-z0-9-]{2,79}$' as const;

/** What is done on hosts, one script each. */
export const works: readonly Work[] = [
  {
    name: 'read-host',
    description: 'Reads how a host is: processor, memory, disks, services, containers. Changes nothing.',
    parameters: {
      Interval: {
        description: 'Seconds over which the use of the processor is measured.',
        pattern: '^([1-9]|[1-5][0-9]|60)$',
        default: '5',
      },
      Services: {
        description: 'Units that must be active, by spaces; unit=URL asks the service itself too.',
        pattern: '^[A-Za-z0-9@._:=/?% -]*$',
        default: '',
      },
    },
    once: false,
    alone: true,
    seconds: 240,
  },
  {
    name: 'stop-job',
    description: 'Ends the work of a job on a host, whole.',
    parameters: { Stop: { description: 'The job to end.', pattern: jobs } },
    once: false,
    alone: false,
    seconds: 60,
  },
];

const frame: Record<string, Parameter> = {
  Job: { description: 'Run and step, by which the same job is not done twice.', pattern: jobs },
  Seconds: { description: 'The longest the work may take.', pattern: '^[1-9][0-9]{0,4}$' },
};

/** Time that the shell around the work has beyond it, to start it and to see it end, seconds. */
const around = 30;

/** Parameters reach the script in its environment: pasted into its text, as SSM does by itself, they could be commands. */
const parameter = ({ description, pattern, default: value }: Parameter) => ({
  type: 'String',
  description,
  interpolationType: 'ENV_VAR',
  allowedPattern: pattern,
  ...(value !== undefined && { default: value }),
});

const documentOf = (work: Work): HostDocument => ({
  name: work.name,
  content: {
    schemaVersion: '2.2',
    description: work.description,
    parameters: Object.fromEntries(
      Object.entries({ ...frame, ...work.parameters }).map(([name, one]) => [name, parameter(one)]),
    ),
    mainSteps: [
      {
        action: 'aws:runShellScript',
        name: 'work',
        precondition: { StringEquals: ['platformType', 'Linux'] },
        inputs: { timeoutSeconds: String(work.seconds + around), runCommand: scriptOf(work).trimEnd().split('\n') },
      },
    ],
  },
});

/** Every document. One that is added here is deployed, and the checklist compares it with what is on the account (C4). */
export const documents: readonly HostDocument[] = works.map(documentOf);
