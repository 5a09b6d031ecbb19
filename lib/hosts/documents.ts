/** An SSM document of this automation: what it does on a host, and the only thing that its steps may run there. */
export interface HostDocument {
  /** Without the environment; letters, digits, dashes. */
  name: string;
  /** Schema 2.2, as SSM takes it in JSON. */
  content: object;
}

/** Every document. One that is added here is deployed, and the checklist compares it with what is on the account (C4). */
export const documents: readonly HostDocument[] = [];
