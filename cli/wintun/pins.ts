/** The release of Wintun that is installed, pinned by the hashes of the official files. */

export type WintunArchitecture = 'x64' | 'arm64' | 'ia32';

export interface WintunPins {
  readonly version: string;
  readonly url: string;
  readonly zipSha256: string;
  readonly dlls: Readonly<Record<WintunArchitecture, WintunDllPin>>;
}

export interface WintunDllPin {
  /** Its folder in the zip. */
  readonly folder: string;
  readonly sha256: string;
}

export const WINTUN: WintunPins = {
  version: '0.14.1',
  url: 'https://www.wintun.net/builds/wintun-0.14.1.zip',
  zipSha256: '07c256185d6ee3652e09fa55c0b673e2624b565e02c4b9091c79ca7d2f24ef51',
  dlls: {
    x64: {
      folder: 'amd64',
      sha256: 'e5da8447dc2c320edc0fc52fa01885c103de8c118481f683643cacc3220dafce',
    },
    arm64: {
      folder: 'arm64',
      sha256: 'f7ba89005544be9d85231a9e0d5f23b2d15b3311667e2dad0debd344918a3f80',
    },
    ia32: {
      folder: 'x86',
      sha256: 'd694fa46ab4cfebcb2632d094c7aa97278eef2f8052438621766d863ae98a931',
    },
  },
};

export const WINTUN_DLL = 'wintun.dll';

/** Returns undefined for an architecture without a Wintun. */
export function wintunArchitecture(name: string): WintunArchitecture | undefined {
  return name === 'x64' || name === 'arm64' || name === 'ia32' ? name : undefined;
}

/** Returns `0.14.1 for x64`, or undefined for a hash that is not of the release. */
export function knownDll(sha256: string, pins: WintunPins = WINTUN): string | undefined {
  const found = Object.entries(pins.dlls).find(([, pin]) => pin.sha256 === sha256);
  return found && `${pins.version} for ${found[0]}`;
}
