/** The template unit wg-ts@NAME.service, as text. */
import path from 'node:path';
import { type ServiceSettings, serviceEnvironment } from '../../upoptions.js';

/** The program that systemd starts. */
export interface SystemdProgram {
  /** The absolute path of Node.js. */
  readonly node: string;
  /** The absolute path of the main file of the command line. */
  readonly main: string;
}

export const TEMPLATE_UNIT = 'wg-ts@.service';

export function unitOf(name: string): string {
  return `wg-ts@${name}.service`;
}

/** Returns undefined for a unit that is not an instance of the template. */
export function nameOfUnit(unit: string): string | undefined {
  return /^wg-ts@(.+)\.service$/.exec(unit)?.[1];
}

/** Follows systemd.unit(5), but without its escapes, as names are used in commands literally. */
export function canNameUnit(name: string): boolean {
  return /^[a-zA-Z0-9:_.-]+$/.test(name);
}

/** Quotes one argument for a command line of systemd.service(5). */
export function quoteArgument(text: string): string {
  const safe = text.replaceAll('%', '%%').replaceAll('$', '$$$$');
  if (/^[\w@%+=:,./$-]+$/.test(safe)) return safe;
  return `"${safe.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * An empty or unreadable file must never reach syncconf, which would remove all peers, so the text is
 * complete before syncconf starts. The text is never in an argument of a process: printf is a builtin.
 */
const RELOAD =
  'config=$$("$$0" "$$1" strip "$$2") && printf "%%s\\\\n" "$$config" | "$$0" "$$1" syncconf "$$2" -';

export interface SystemdSurroundings {
  /** /etc/resolv.conf is replaced by a new file, and not written in place. */
  readonly replacesResolvConf?: boolean;
}

export function templateUnit(
  { node, main }: SystemdProgram,
  { replacesResolvConf = false }: SystemdSurroundings = {},
): string {
  const program = `${quoteArgument(node)} ${quoteArgument(main)}`;
  return `# Written by wg-ts service install, which overwrites it. Put changes in a drop-in, created by
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
# At boot it may take a while until names can be resolved.
TimeoutStartSec=infinity
# Watches the event loop, which makes the handshakes.
WatchdogSec=60
# The process itself undoes its changes; its children must not be killed before that.
KillMode=mixed
Restart=on-failure
RestartSec=5
# Retrying does not help with an error in the file, or on a machine that does not support it.
RestartPreventExitStatus=2 3
# The exit code when stopped while coming up.
SuccessExitStatus=130

# What a tunnel needs, and no more. PreUp, PostUp, PreDown and PostDown in the file run under the same
# restrictions. For a hook that needs more, use systemctl edit wg-ts@NAME.service:
#   [Service]
#   CapabilityBoundingSet=~
#   ProtectSystem=no
#   ProtectHome=no
#   DevicePolicy=auto
#   SystemCallFilter=
#   RestrictAddressFamilies=
# iptables-legacy, used when there is no nft, also needs CAP_NET_RAW.
CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
DevicePolicy=closed
DeviceAllow=/dev/net/tun rw
ProtectSystem=strict
# Shared by all tunnels, so they are kept when one ends.
RuntimeDirectory=wireguard wg-ts
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
# SaveConfig writes the file; resolvconf and iptables write their own. openresolv, and wg-ts where there is
# no program for DNS, replace /etc/resolv.conf: if you install or remove one, run wg-ts service install again.
ReadWritePaths=-/etc/wireguard ${replacesResolvConf ? '/etc' : '-/etc/resolv.conf'} -/run/resolvconf -/run/xtables.lock
ProtectHome=${isInHome(node) || isInHome(main) ? 'read-only' : 'yes'}
PrivateTmp=yes
PrivateMounts=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
# Not ProtectKernelTunables: a default route needs net.ipv4.conf.all.src_valid_mark.
# Not ProtectProc: the processes of other tunnels must be visible.
# Not MemoryDenyWriteExecute: V8 compiles JavaScript to machine code while it runs.
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
# @pkey is for V8, which protects the machine code with it.
SystemCallFilter=@system-service @pkey
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}

/** Whether ProtectHome=yes would hide the file. */
function isInHome(file: string): boolean {
  return ['/home/', '/root/', '/run/user/'].some((folder) =>
    path.posix.normalize(file).startsWith(folder),
  );
}

/** Returns the drop-in of one tunnel, or undefined when none is needed. */
export function instanceDropIn(settings: ServiceSettings): string | undefined {
  const lines = serviceEnvironment(settings).map((variable) => `Environment=${variable}`);
  return lines.length === 0 ? undefined : `[Service]\n${lines.join('\n')}\n`;
}
