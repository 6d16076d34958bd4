#!/usr/bin/env bash
# Installs the servers and tools that the tests run for real: OpenLDAP, a Samba
# domain controller, PostgreSQL, promtool, and Chromium. No system service is started or
# configured; the tests start servers of their own, on loopback, in temporary
# folders.
#
# Does nothing when all is there. Debian and Ubuntu only; elsewhere it says
# what to install and fails.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

# command=package, for everything a test may start.
needs=(
  slapd=slapd
  slapadd=slapd
  ldapsearch=ldap-utils
  ldapmodify=ldap-utils
  openssl=openssl
  samba=samba-ad-dc
  samba-tool=samba-ad-dc
  ldbadd=ldb-tools
  promtool=prometheus
  chromium=chromium
)

missing() {
  local need
  for need in "${needs[@]}"; do
    command -v "${need%%=*}" >/dev/null 2>&1 || echo "${need#*=}"
  done
  # The templates of a new domain are a package without a command.
  [ -d /usr/share/samba/setup ] || echo samba-ad-provision
  # Debian keeps the programs of a PostgreSQL server off the path.
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
}

mapfile -t packages < <(missing | sort -u)
[ ${#packages[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  cat >&2 <<TXT
deps: the tests need OpenLDAP (slapd, slapadd, ldapsearch, ldapmodify), a Samba
domain controller (samba, samba-tool, its provisioning templates), ldb-tools,
openssl, PostgreSQL (initdb in /usr/lib/postgresql/VERSION/bin), promtool (of
Prometheus) and Chromium. This system has no apt-get: install them with its own package
manager.
TXT
  exit 1
fi

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "deps: missing: ${packages[*]}; install them as root, or run 'make deps' as root" >&2
    exit 1
  fi
  sudo=(sudo)
fi
as_root() { "${sudo[@]}" "$@"; }

# A policy-rc.d that answers 101 keeps packages from starting their services.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'as_root rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
fi

# The package would make a cluster of its own; the tests make theirs.
clusters=/etc/postgresql-common/createcluster.conf
if [ ! -e "$clusters" ] && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
  as_root mkdir -p "${clusters%/*}"
  echo 'create_main_cluster = false' | as_root tee "$clusters" >/dev/null
fi

# A slapd that was there before keeps its answers.
if ! command -v slapd >/dev/null 2>&1; then
  echo 'slapd slapd/no_configuration boolean true' | as_root debconf-set-selections
fi

echo "deps: installing ${packages[*]}" >&2
apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
as_root "${apt[@]}" update
as_root "${apt[@]}" install -y --no-install-recommends "${packages[@]}" >&2

mapfile -t packages < <(missing | sort -u)
if [ ${#packages[@]} -gt 0 ]; then
  echo "deps: still missing after installing: ${packages[*]}" >&2
  exit 1
fi
