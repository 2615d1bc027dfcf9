/** The template unit wg-ts@NAME.service, as text. */
import path from 'node:path';
import { type ServiceSettings, serviceEnvironment } from '../../upoptions.js';

/** What systemd starts. */
export interface SystemdProgram {
  /** Absolute, of Node.js. */
  readonly node: string;
  /** Absolute, of the command line's main file. */
  readonly main: string;
}

export const TEMPLATE_UNIT = 'wg-ts@.service';

export function unitOf(name: string): string {
  return `wg-ts@${name}.service`;
}

/** Undefined for what is no instance of the template. */
export function nameOfUnit(unit: string): string | undefined {
  return /^wg-ts@(.+)\.service$/.exec(unit)?.[1];
}

/** What systemd.unit(5) allows, apart from its escapes: names go into commands as they are. */
export function canNameUnit(name: string): boolean {
  return /^[a-zA-Z0-9:_.-]+$/.test(name);
}

/** One argument of a command line of systemd.service(5). */
export function quoteArgument(text: string): string {
  const safe = text.replaceAll('%', '%%').replaceAll('$', '$$$$');
  if (/^[\w@%+=:,./$-]+$/.test(safe)) return safe;
  return `"${safe.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * An empty or unreadable file must never reach syncconf, which would take all peers away: so the text
 * is complete before it starts. It stays within the shell, as printf is part of it.
 */
const RELOAD =
  'config=$$("$$0" "$$1" strip "$$2") && printf "%%s\\\\n" "$$config" | "$$0" "$$1" syncconf "$$2" -';

export interface SystemdSurroundings {
  /** It replaces /etc/resolv.conf, and keeps the old one beside it. */
  readonly hasOpenresolv?: boolean;
}

export function templateUnit(
  { node, main }: SystemdProgram,
  { hasOpenresolv = false }: SystemdSurroundings = {},
): string {
  const program = `${quoteArgument(node)} ${quoteArgument(main)}`;
  return `# Written by wg-ts service install, which writes it anew: changes belong into a drop-in, made by
# systemctl edit wg-ts@.service for all tunnels, or wg-ts@NAME.service for one.

[Unit]
Description=WireGuard tunnel %i
Documentation=man:wg-ts(1) man:wg-ts-service(1)
Wants=network-online.target nss-lookup.target
After=network-online.target nss-lookup.target
Conflicts=wg-quick@%i.service

[Service]
Type=notify
ExecStart=${program} up --foreground %i
ExecReload=/bin/sh -c '${RELOAD}' ${program} %i
Environment=WG_ENDPOINT_RESOLUTION_RETRIES=infinity
# At boot names may resolve late.
TimeoutStartSec=infinity
# Of the event loop, which makes the handshakes.
WatchdogSec=60
# The process itself undoes what it did; what it started must not be ended before.
KillMode=mixed
Restart=on-failure
RestartSec=5
# A mistake in the file, or a machine that cannot do it, does not go away by itself.
RestartPreventExitStatus=2 3
# Stopped while it came up.
SuccessExitStatus=130

# What a tunnel needs, and no more. PreUp, PostUp, PreDown and PostDown of the file run within the same
# limits. A hook that needs more gets it by systemctl edit wg-ts@NAME.service:
#   [Service]
#   CapabilityBoundingSet=~
#   ProtectSystem=no
#   ProtectHome=no
#   DevicePolicy=auto
#   SystemCallFilter=
#   RestrictAddressFamilies=
# iptables-legacy, where there is no nft, needs CAP_NET_RAW as well.
CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
DevicePolicy=closed
DeviceAllow=/dev/net/tun rw
ProtectSystem=strict
# Shared by all tunnels, so they stay when one ends.
RuntimeDirectory=wireguard wg-ts
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
# SaveConfig writes the file; resolvconf and iptables write theirs. openresolv also keeps the old
# /etc/resolv.conf beside the new one: where it is installed later, wg-ts service install knows.
ReadWritePaths=-/etc/wireguard ${hasOpenresolv ? '/etc' : '-/etc/resolv.conf'} -/run/resolvconf -/run/xtables.lock
ProtectHome=${isInHome(node) || isInHome(main) ? 'read-only' : 'yes'}
PrivateTmp=yes
PrivateMounts=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
# Not ProtectKernelTunables: a default route needs net.ipv4.conf.all.src_valid_mark.
# Not ProtectProc: the process of another tunnel must be seen.
# Not MemoryDenyWriteExecute: V8 compiles JavaScript to machine code while it runs.
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
# @pkey is for V8, which guards the machine code by it.
SystemCallFilter=@system-service @pkey
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}

/** Where ProtectHome=yes leaves nothing to be seen. */
function isInHome(file: string): boolean {
  return ['/home/', '/root/', '/run/user/'].some((folder) =>
    path.posix.normalize(file).startsWith(folder),
  );
}

/** The drop-in of one tunnel; undefined when there is nothing to say. */
export function instanceDropIn(settings: ServiceSettings): string | undefined {
  const lines = serviceEnvironment(settings).map((variable) => `Environment=${variable}`);
  return lines.length === 0 ? undefined : `[Service]\n${lines.join('\n')}\n`;
}
