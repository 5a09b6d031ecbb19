/** Root of this checkout. */
export const checkout: string;
/** Folder for what can be made again: Python environments, images, downloads. Absolute; whoever writes makes it. */
export const cacheFolder: string;
/** A program in Python, in an environment of its own. */
interface PythonProgram {
  /** What the environment is made from. */
  requirements: string;
  /** More options of pip. */
  options: string[];
  folder: string;
  python: string;
}
export const pythonPrograms: Record<'emulator' | 'cfn-lint' | 'valkey', PythonProgram>;
