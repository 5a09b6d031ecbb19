/** Root of this checkout. */
export const checkout: string;
/** Folder for what can be made again: Python environments, images, downloads. Absolute; whoever writes makes it. */
export const cacheFolder: string;
/** What the emulator's Python environment is made from. */
export const emulatorRequirements: string;
/** The emulator's Python environment, one for each set of requirements, so that checkouts can share the cache. */
export const emulatorFolder: string;
export const emulatorPython: string;
