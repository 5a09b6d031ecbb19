/** Where the programs and the root filesystem lie once they are prepared. */
export const hostFolders: { tools: string; root: string };
/** The environment for what administrators run: their programs are not on everybody's PATH. */
export const asAdministrator: NodeJS.ProcessEnv;
/** Why no host can be booted here, for a person to read; undefined where one can. Asks nothing of the network. */
export function whyNoHosts(): string | undefined;
export function hostsAreThere(): boolean;
/** @returns why they could not be prepared, for a person to read; undefined when they are there */
export function prepareHosts(say: (line: string) => void): string | undefined;
