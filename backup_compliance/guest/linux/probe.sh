#!/bin/sh
# Reads everything the guest controls need from a Linux VM in one go and prints it.
#
# Run it as root:  sh probe.sh > NAME.txt        (NAME.txt is a valid recorded guest)
# Run Command keeps the last 4,096 bytes only; what fits into them is printed by
#                  sh probe.sh packed > NAME.txt
#                  sh probe.sh packed 2 >> NAME.txt   (and 3 ..., for as long as the call before says so)
#
# It changes nothing, writes no file, sends no secret and ends within 12 seconds. Every part is
# framed by a line that starts with a random word of this run, so that no file of the guest can
# forge a frame. The AVB_ variables may be set from outside: AVB_ROOT reads a mounted
# image, AVB_STORAGE_ENDPOINT names the host to ask where the VM's goal state names none.
LC_ALL=C
PYTHONDONTWRITEBYTECODE=1 # neither our Python nor the agent's may leave compiled modules behind
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH
export LC_ALL PATH PYTHONDONTWRITEBYTECODE
R=${AVB_ROOT:-}
HOST=${AVB_HOST_ADDRESS:-168.63.129.16}
HOST_PORT=${AVB_HOST_PORT:-80}
PLUGIN_PORT=${AVB_PLUGIN_PORT:-32526}
IMDS=${AVB_IMDS:-169.254.169.254}
FALLBACK=${AVB_STORAGE_ENDPOINT-rdfepirv2bl2prdstr01.blob.core.windows.net}
SCHEME=${AVB_STORAGE_SCHEME:-https}
NL='
'
# tables: written by make readme
layout() {
  case $1 in
    flatcar|coreos) CONF=/usr/share/oem/waagent.conf BINARY=/usr/share/oem/bin/waagent UNITS='waagent.service' STATE=/var/lib/waagent ;;
    clear-linux-os) CONF=/usr/share/defaults/waagent/waagent.conf BINARY=/usr/bin/waagent UNITS='waagent.service' STATE=/var/lib/waagent ;;
    *) CONF=/etc/waagent.conf BINARY=/usr/sbin/waagent UNITS='walinuxagent.service waagent.service' STATE=/var/lib/waagent ;;
  esac
}
text_leases() { "$@" "$R"/var/lib/dhcp/dhclient*.lease* "$R"/var/lib/dhclient/*.lease* "$R"/var/lib/NetworkManager/dhclient-*.lease; } # dhclient
xml_leases() { "$@" "$R"/var/lib/wicked/lease-*-dhcp-ipv4.xml "$R"/run/wicked/lease-*-dhcp-ipv4.xml; } # wicked
raw_leases() { "$@" dhcpcd "$R"/var/lib/dhcpcd/*.lease "$R"/var/lib/dhcpcd5/*.lease; } # dhcpcd
runtime_leases() { "$@" "$R"/run/systemd/netif/leases/* "$R"/run/NetworkManager/devices/*; } # systemd-networkd, NetworkManager
lease_folders() { "$@" "$R/var/lib/dhcp" "$R/var/lib/dhclient" "$R/run/systemd/netif" "$R/var/lib/NetworkManager" "$R/run/NetworkManager" "$R/var/lib/wicked" "$R/var/lib/dhcpcd"; }
LEASE_LINES='lease \{|^ *interface|fixed-address|245|^ *expire|^\}|^ *renew'
LEASE_SETTINGS='(ADDRESS|SERVER_ADDRESS|LIFETIME|OPTION_245|ip_address|private_245|unknown_245|expiry|dhcp4\.[a-z0-9_]*)[[:space:]]*=|.*"?Private_Options'
# end of tables
# ---- packed: whole parts of this call's own reading, as many as Run Command returns ---------------
# A part is never split, and nothing of two readings is mixed: each call prints a reading of its own that has fewer
# parts. They go by heading in the order of their letters. Number 2 begins where PACKED_START bytes end, and number 1
# goes on to PACKED_ROOM: readings that differ by some bytes leave no gap between them. PACKED_ROOM leaves a tenth of
# the 4,096 bytes free; PACKED_MOST is what a single part may take.
PACKED_START=3240 PACKED_ROOM=3540 PACKED_MOST=3900
if [ -n "${KSH_VERSION:-}" ]; then
  # shellcheck disable=SC3044,SC2039  # mksh has no printf of its own, and an argument of a command may not be that long
  say() { print -r -- "$1"; }
else
  say() { printf '%s\n' "$1"; }
fi

# pick FIRST LAST [LEFT_OUT]: `meta` and the parts by their numbers in the list of headings, as a reading.
pick() {
  say "$reading" | PICK_FROM=$(say "$headings" | sed -n "$1p") PICK_NEXT=$(say "$headings" | sed -n "$(($2 + 1))p") \
    PICK_NUMBER=$number PICK_FIRST=$1 PICK_LEFT_OUT=${3:-} awk '
    w == "" { if ($1 == "avb-probe") { w = $4; print ""; print }; next }
    index($0, w " ") == 1 {
      h = substr($0, length(w) + 2); n = ENVIRON["PICK_NEXT"]
      own = h >= ENVIRON["PICK_FROM"] && (n == "" || h < n) && h != "meta"; on = own || h == "meta"
      if (on) { print ""; print }
      if (own && ENVIRON["PICK_LEFT_OUT"] != "") { print "/left-out:" ENVIRON["PICK_LEFT_OUT"]; on = 0 }
      next
    }
    $0 == "avb-probe 1 end " w { on = 0 }
    on { print }
    END {
      print "\n" w " packed\nnumber=" ENVIRON["PICK_NUMBER"]
      print "from=" (ENVIRON["PICK_FIRST"] == 1 ? "" : ENVIRON["PICK_FROM"]) "\nnext=" ENVIRON["PICK_NEXT"]
      print "\navb-probe 1 end " w
    }' | gzip -9 | base64 | tr -d '\n'
}

# reach ROOM FIRST: sets last to the number of the last part that fits, FIRST at least
reach() {
  last=$2; reach_high=$count
  while [ "$last" -lt "$reach_high" ]; do
    reach_middle=$(((last + reach_high + 1) / 2))
    if [ "$(pick "$2" "$reach_middle" | wc -c)" -le "$1" ]; then last=$reach_middle; else reach_high=$((reach_middle - 1)); fi
  done
}

packed() {  # packed NUMBER|''
  reading=$(sh "$0")
  headings=$(say "$reading" | awk 'w == "" { if ($1 == "avb-probe") w = $4; next } index($0, w " ") == 1 && $2 != "meta" { print substr($0, length(w) + 2) }' | sort -u)
  count=$(say "$headings" | wc -l); number=1; first=1
  while [ "$number" -lt "${1:-1}" ]; do
    reach "$PACKED_START" "$first"
    if [ "$last" -ge "$count" ]; then echo "probe.sh: there is no packed $1, the reading ends with packed $number"; return; fi
    first=$((last + 1)); number=$((number + 1))
  done
  reach "$PACKED_ROOM" "$first"
  sent=$(pick "$first" "$last")
  if [ "${#sent}" -gt "$PACKED_MOST" ]; then sent=$(pick "$first" "$last" "${#sent}"); fi
  if [ "$first" = 1 ] && [ "$last" -ge "$count" ]; then shown=; else shown=" $number"; fi
  printf '\navb-probe 1 packed%s\n%s\navb-probe 1 packed end%s\n' "$shown" "$sent" "$shown"
  if [ "$last" -lt "$count" ]; then echo "probe.sh: more follows, run packed $((number + 1)) and append what it prints"; fi
}

if [ "${1:-}" = packed ]; then
  if [ ! -f "$0" ]; then echo 'probe.sh: packed needs the script as a file: sh probe.sh packed' >&2; exit 2; fi
  case ${2:-1} in 0*|*[!0-9]*|???*) echo 'probe.sh: packed takes a number: packed 1, packed 2 ...' >&2; exit 2 ;; esac
  for c in awk gzip base64; do
    if ! command -v "$c" > /dev/null; then echo "probe.sh: packed needs $c" >&2; exit 2; fi
  done
  packed "${2:-}"
  exit 0
fi
exec 2>/dev/null
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
A=-a # binary files are text to us; busybox knows no other way and refuses the option
echo | grep -a '' > /dev/null || A=-H

read -r N < /proc/sys/kernel/random/uuid || N=$$-$(date +%s)
N=avb-${N%%-*}
part() { printf '\n%s %s\n' "$N" "$*"; }

# bounded SECONDS COMMAND...: a command that hangs must not hang the probe
if timeout 1 true; then
  bounded() { timeout "$@"; }
else
  bounded() {
    bounded_s=$1; shift
    "$@" & bounded_p=$!
    { sleep "$bounded_s"; kill "$bounded_p"; } > /dev/null & bounded_w=$!
    wait "$bounded_p"; bounded_rc=$?
    kill "$bounded_w"
    return "$bounded_rc"
  }
fi

# unsigned: no user names and passwords in URLs, no SAS signatures; masked: nor the values of keys
# that name a secret. Both take the root prefix off the paths. Of escaped JSON a signature ends at the backslash before
# the quote, which must stay; one before a slash belongs to it.
unsigned() { sed -E -e "s#^$R/#/#" -e 's#//[^/@: "]*:[^ "]*@#//***@#g' -e 's#//[^/@ "]*@#//***@#g' -e 's#(sig=)([^&" \\]|\\+/)*#\1***#g'; }
masked() {
  unsigned | sed -E -e 's#(HttpProxy.Host *= *)[^ ]*@#\1***@#' \
    -e 's/(([Pp][Aa][Ss][Ss]|[Ss][Ee][Cc][Rr][Ee][Tt]|[Pp][Ss][Kk]|[Tt][Oo][Kk][Ee][Nn]|[Kk][Ee][Yy])[^=:]*= *).+/\1***/'
}

# capped CAP: whole lines of at most so many bytes, and a line of its own where something was cut
capped() {
  capped_v=$(head -c "$(($1 + 1))")
  if [ "${#capped_v}" -ge "$1" ]; then capped_v="${capped_v%"$NL"*}$NL/cut:"; fi
  [ -z "$capped_v" ] || say "$capped_v"
}

# lines CAP FILE...: every line of the files behind its path, comments and secrets left out. One
# grep for all of them: a fork a file is what makes a probe expensive.
lines() {
  lines_cap=$1; shift
  # shellcheck disable=SC2086  # one option or none
  { bounded 5 grep $A -HsvE '^(#|[[:space:]]*$)' "$@" /dev/null || [ $? -lt 3 ] || echo '/unfinished:'; } | masked | capped "$lines_cap"
}

# settings CAP FILE...: as lines, but only those that say how an interface gets its address.
settings() {
  lines_cap=$1; shift
  { bounded 5 grep $A -HsE '^[[:space:]]*(\[[A-Za-z0-9-]*\]$|iface |ADMIN_STATE=unmanaged|(NETWORK_FILE|Name|DHCP|Address|BOOTPROTO|IPADDR|method|uuid|interface-name|connection-uuid)[[:space:]]*=|'"$LEASE_SETTINGS)" "$@" /dev/null || [ $? -lt 3 ] || echo '/unfinished:'; } | masked | capped "$lines_cap"
}

# raw NAME FILE...: the bytes of each file in a part of its own.
raw() {
  raw_name=$1; shift
  for f; do
    if [ -f "$f" ]; then part "$raw_name ${f#"$R"}"; head -c 2048 "$f" | od -An -v -tx1; fi
  done
}

state() {
  for f; do
    if [ ! -e "$f" ]; then echo "absent ${f#"$R"}"
    elif [ -d "$f" ]; then echo "directory ${f#"$R"}"
    elif [ ! -f "$f" ]; then echo "special ${f#"$R"}"
    elif [ -r "$f" ]; then echo "readable ${f#"$R"}"
    else echo "unreadable ${f#"$R"}"
    fi
  done
}

# ---- the slow part: every stage bounded, all of them side by side ---------------------------
if [ -n "${AVB_TOOL:-}" ]; then TOOL=$AVB_TOOL
elif command -v curl > /dev/null; then TOOL=curl
elif case $(wget --version 2>&1) in 'GNU Wget'*) ;; *) false ;; esac; then TOOL=wget
elif command -v python3 > /dev/null; then TOOL=python3
else TOOL=none
fi

# An HTTP client for guests with neither curl nor wget; prints what curl would print.
PYTHON_GET='
import http.client as H, os, socket, ssl, sys, threading
url, proxy, limit, show = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
headers = dict(h.split(": ", 1) for h in sys.argv[5:] if h)
scheme, rest = url.split("://", 1); authority, _, path = rest.partition("/")
seen = {"tcp": 0, "tls": 0, "http": 0, "ip": ""}; stage = ["Resolving"]
def told(code, text):
    print(text + "\nhttp=%03d ip=%s tcp=%d tls=%d" % (seen["http"], seen["ip"], seen["tcp"], seen["tls"]) if show == "head" else text)
    sys.stdout.flush(); os._exit(code)
clock = threading.Timer(limit * 0.8, lambda: told(28, stage[0] + " timed out")); clock.daemon = True; clock.start()
try:
    host, _, port = authority.partition(":"); port = int(port or (443 if scheme == "https" else 80))
    near, _, gate = (host, "", port) if proxy == "-" else proxy.rpartition(":")
    socket.getaddrinfo(near, int(gate)); stage[0] = "Connecting"
    first = H.HTTPConnection(near, int(gate), timeout=limit)
    if proxy != "-": first.set_tunnel(host, port)
    first.connect(); seen["tcp"] = 1; stage[0] = "TLS"
    if proxy == "-": seen["ip"] = first.sock.getpeername()[0]
    if scheme == "https": first.sock = ssl.create_default_context().wrap_socket(first.sock, server_hostname=host)
    seen["tls"] = 1; stage[0] = "HTTP"
    first.request("GET", "/" + path, headers=dict(headers, Host=authority)); r = first.getresponse(); seen["http"] = r.status
    if show == "body": told(0, r.read(262144).decode("utf-8", "replace"))
    told(0, "HTTP/1.1 %d %s\n" % (r.status, r.reason) + "".join("%s: %s\n" % i for i in r.getheaders()))
except (socket.gaierror, UnicodeError) as e: told(6, "Could not resolve host: %s" % e)
except ssl.CertificateError as e: told(60, "SSL certificate problem: %s" % e)
except ssl.SSLError as e: told(60 if "CERTIFICATE_VERIFY" in str(e) else 35, "TLS failed: %s" % e)
except socket.timeout as e: told(28, stage[0] + " timed out")
except OSError as e: told(56 if seen["tcp"] or "unnel" in str(e) else 7, "failed: %s" % e)
except H.HTTPException as e: told(56, "failed: %s" % e)
'

# fetch SECONDS PROXY|- body|head URL [HEADER]: one HTTP request. TLS is verified by the tool itself.
# wget and Python give up before `bounded` ends them: who is killed cannot tell at which stage it waited.
fetch() {
  case $TOOL in
    curl)
      fetch_p=; [ "$2" = - ] || fetch_p="-x http://$2"
      if [ "$3" = head ]; then
        # shellcheck disable=SC2086  # two words on purpose
        curl -q -sS -m "$1" $fetch_p -D - -o /dev/null -w "http=%{http_code} connect=%{http_connect} ip=%{remote_ip} tcp=%{time_connect} tls=%{time_appconnect}" "$4"
      else curl -q -sS -m "$1" -H "$5" "$4"; fi ;;
    wget)
      fetch_p=--no-proxy; [ "$2" = - ] || fetch_p="-e use_proxy=yes -e https_proxy=http://$2"
      if [ "$3" = head ]; then
        # shellcheck disable=SC2086  # four words on purpose
        bounded "$1" wget --no-config --no-hsts --max-redirect=0 $fetch_p -t 1 -T $(($1 - 1)) -S -O /dev/null "$4"
      else bounded "$1" wget --no-config --no-hsts --no-proxy -q -t 1 -T $(($1 - 1)) -O - --header "$5" "$4"; fi ;;
    python3) bounded $(($1 + 1)) python3 -c "$PYTHON_GET" "$4" "$2" "$1" "$3" "${5:-}" ;;
    *) return 127 ;;
  esac
}

# check TITLE SECONDS PROXY|- URL: one request, told in one write so that parallel parts do not mix.
# Only the lines that tell who answered are kept: a captive portal's cookies are nobody's business.
check() {
  check_out=$(fetch "$2" "$3" head "$4" 2>&1); check_rc=$?
  check_kept=
  set -f; IFS=$NL
  for check_l in $check_out; do
    case $check_l in
      *[Ll]ocation:*) check_kept=$check_kept${check_l%%\?*}$NL ;;
      *HTTP/[12]*|*[Ss]erver:*|*[Xx]-[Mm]s-*|*[Vv]ia:*|curl:*|http=*|*rror*|*ERROR*|*fail*|*timed\ out*|*resolve*|*refused*|*roblem*|*issued\ by*|*elf-signed*|*verif*|*nreachable*|*unnel*|*onnecting*|*request\ sent*|*o\ data*|*No\ route*|*closed*)
        check_kept=$check_kept$check_l$NL ;;
    esac
  done
  unset IFS; set +f
  if [ "$check_rc" = 60 ] && [ "$TOOL" = curl ] && [ "$3" = - ]; then
    check_kept=$check_kept$(curl -q -kv -sS -m 3 --noproxy '*' -o /dev/null "$4" 2>&1 | grep $A 'issuer:')
  fi
  printf '\n%s http %s\ntool=%s exit=%s\n%.3000s\n' "$N" "$1" "$TOOL" "$check_rc" "$check_kept"
}

route_to() {
  if command -v ip > /dev/null; then route_out=$(bounded 2 ip -4 route get "$2" 2>&1); route_rc=$?; else route_out=; route_rc=127; fi
  printf '\n%s route %s %s\nexit=%s\n%.1000s\n' "$N" "$1" "$2" "$route_rc" "$route_out"
}

storage() {  # storage HOST PROXY|direct|unusable: the direct path, and the agent's proxy where it takes one
  case $2 in *:*) check "storage proxy $1" 8 "$2" "$SCHEME://$1/?comp=list" & ;; esac
  check "storage direct $1" 8 - "$SCHEME://$1/?comp=list"
  storage_ip=${check_out##* ip=}
  case $check_out in *' ip='[0-9]*) storage_ip=${storage_ip%% *} ;; *) storage_ip= ;; esac
  if [ -z "$storage_ip" ] && [ "$TOOL" != none ]; then
    storage_ip=$(bounded 2 getent ahostsv4 "${1%%:*}"); storage_ip=${storage_ip%% *}
  fi
  if [ -n "$storage_ip" ]; then route_to "$1" "$storage_ip"; fi
  wait
}

wire_server() {  # what the platform asks of this VM's agent; the answer's secrets stay here
  check 'host 80' 3 - "http://$HOST:$HOST_PORT/?comp=versions"
  case $check_kept in *'200 OK'*|*http=200*) ;; *) return ;; esac
  wire_url=$(fetch 3 - body "http://$HOST:$HOST_PORT/machine/?comp=goalstate" 'x-ms-version: 2012-11-30' | tr -d '\n' |
    sed -n -e 's/&amp;/\&/g' -e 's#.*<ExtensionsConfig>\([^<]*\)</ExtensionsConfig>.*#\1#p')
  case $wire_url in http://"$HOST"*) ;; *) return ;; esac
  wire_ext=$(fetch 3 - body "$wire_url" 'x-ms-version: 2012-11-30' | tr -d '\n')
  wire_version=${wire_ext#*<GAFamily>}
  case $wire_ext in *'<GAFamily>'*) ;; *) wire_version= ;; esac
  wire_version=${wire_version%%</GAFamily>*}
  case $wire_version in *'<Version>'*) wire_version=${wire_version#*<Version>}; wire_version=${wire_version%%<*} ;; *) wire_version= ;; esac
  wire_name=${wire_ext#*VMSnapshotLinux}
  if [ "$wire_name" = "$wire_ext" ]; then wire_name=no; else wire_name=yes; fi
  printf '\n%s goal-state\nagent-version=%.40s\nbackup-extension=%s\n' "$N" "$wire_version" "$wire_name"
}

imds() {
  imds_out=$(fetch 3 - body "http://$IMDS/metadata/instance/compute?api-version=2018-10-01" 'Metadata: true' |
    grep $A -oE '"(vmId|azEnvironment|location|name|resourceGroupName|subscriptionId)":"[^"]*"')
  printf '\n%s imds\n%.2000s\n' "$N" "$imds_out"
}

# Command lines of the agent only: other programs' arguments may hold passwords.
agent_processes() {
  set -- "$R"/proc/[0-9]*/cmdline
  if [ -e "$1" ]; then echo "scanned $#"; fi # an empty list is evidence only with the number that was looked at
  # shellcheck disable=SC2013  # paths of /proc hold no spaces
  for f in $(grep $A -lsE -e '-daemon|-run-exthandlers' "$@"); do
    v=$(tr '\0\n' '  ' < "$f" | head -c 400)
    p=${f%/cmdline}; p=${p##*/}
    [ "$p" = $$ ] && continue
    u=; while read -r k u _; do if [ "$k" = Uid: ]; then break; fi; u=; done < "${f%/cmdline}/status"
    [ "${u:-0}" = 0 ] || continue # the agent runs as root; anybody may call a process of theirs like it
    case $v in
      *waagent*|*WALinuxAgent*)
        case $v in # of what only bears its name no more than its program is told
          *waagent\ *-daemon*|*-run-exthandlers*) say "process $p $v" ;; # echo would read a backslash
          *) f2=${v#* }; say "process $p ${v%% *} ${f2%% *} ..." ;;
        esac
        case $v in *WALinuxAgent-[0-9]*-run-exthandlers*) say "running handler $v" ;; esac
        tr '\0' '\n' < "${f%/cmdline}/environ" | grep $A -iE '^[a-z]*_proxy=' | sed -e 's#//.*@#//***@#' -e "s/^/environment $p /" | head -c 2000; echo ;;
    esac
  done
}

# Where the agent is: by its distribution, as the agent itself chooses, unless its command line names a configuration.
find_layout() {
  id=
  while IFS='=' read -r k v; do if [ "$k" = ID ]; then id=${v#[\"\']}; id=${id%[\"\']}; fi; done < "$R/etc/os-release"
  layout "$id"
  L=$R$STATE
  case $agents in
    *configuration-path:/*) v=${agents##*configuration-path:}; CONF=${v%%[!A-Za-z0-9_./-]*} ;;
  esac
}

# setting NAME: the last one of the agent's configuration, by the agent's own rules; `untold` where there is none.
setting() {
  case $NL$settings in
    *"$NL$1="*) setting=${settings##*"$1="}; setting=${setting%%"$NL"*}; setting=${setting%%#*} ;;
    *) setting=None ;;
  esac
  if [ "$setting" = None ]; then setting=untold; fi
}

# The proxy by which the agent asks for https (restutil.py): HttpProxy.Host and .Port of its configuration; without a
# Host, https_proxy, else HTTPS_PROXY, of its own environment, which must be a URL with a port. http_proxy is no way
# for https. Sets proxy to HOST:PORT, to `direct`, or to `unusable` for what no host can be, and spared to no_proxy.
agent_proxy() {
  proxy=direct; pid=; daemon=; url=untold; upper=untold; spared=; spared_upper=
  set -f; IFS=$NL
  for v in $agents; do
    case $v in
      'process '*-run-exthandlers*) if [ -z "$pid" ]; then pid=${v#process }; pid=${pid%% *}; fi ;;
      'process '*-daemon*) if [ -z "$daemon" ]; then daemon=${v#process }; daemon=${daemon%% *}; fi ;;
    esac
  done
  pid=${pid:-$daemon}
  for v in $agents; do
    case $v in
      "environment $pid https_proxy="*) url=${v#*=} ;;
      "environment $pid HTTPS_PROXY="*) upper=${v#*=} ;;
      "environment $pid no_proxy="*) spared=${v#*=} ;;
      "environment $pid NO_PROXY="*) spared_upper=${v#*=} ;;
    esac
  done
  unset IFS; set +f
  spared=${spared:-$spared_upper}
  if [ "$url" = untold ]; then url=$upper; fi
  settings=$(grep $A -E '^[[:space:]]*HttpProxy\.(Host|Port)[[:space:]]*=' "$R$CONF" | head -c 2000 | tr -d ' \t\r"')
  setting HttpProxy.Host; host=$setting
  if [ "$host" != untold ]; then
    setting HttpProxy.Port; port=$setting
  else
    # credentials are left out, as the agent leaves them out
    case $url in *//*) url=${url#*//}; url=${url%%[/?#]*}; url=${url##*@} ;; *) url= ;; esac
    case $url in ?*:*) host=${url%:*}; port=${url##*:} ;; *) port=untold ;; esac
  fi
  case $port in ''|*[!0-9]*) return ;; esac
  # credentials would show in the process list: such a proxy fails unasked
  case $host in ''|*[!A-Za-z0-9._-]*) proxy=unusable ;; *) proxy=$host:$port ;; esac
}

# via HOST: sets via to how the agent asks HOST; no_proxy spares the hosts that end with one of its entries. That
# addresses are spared by network is left out: storage goes by names.
via() {
  via=$proxy
  if [ "$proxy" = direct ] || [ -z "$spared" ]; then return; fi
  via_name=$(printf '%s' "${1%%:*},$spared" | tr -d ' \t' | tr '[:upper:]' '[:lower:]')
  set -f; IFS=,
  for v in ${via_name#*,}; do
    case ${via_name%%,*} in *"${v:-/}") via=direct ;; esac
  done
  unset IFS; set +f
}

# ---- the fast part: files and one command each ------------------------------------------------
fast() {
  read -r uptime _ < /proc/uptime
  uid=$(id -u)
  part meta
  echo revision=2; echo "conf=$CONF"
  echo "epoch=$(date +%s)"; echo "uid=$uid"; echo "uptime=$uptime"; echo "tool=$TOOL"
  read -r v < "$R/proc/sys/kernel/hostname"; echo "hostname=$v"
  read -r v < "$R/proc/sys/kernel/osrelease"; echo "kernel=$v"
  read -r v < "$R/sys/class/dmi/id/product_uuid" && echo "product-uuid=$v"

  # The primary interface is the one with the default route (destination and mask 0).
  part routes
  head -c 16385 "$R/proc/net/route"
  primary=
  while read -r i d _ _ _ _ _ m _; do
    if [ "$d" = 00000000 ] && [ "$m" = 00000000 ]; then primary=$i; break; fi
  done < "$R/proc/net/route"
  index=
  [ -n "$primary" ] && read -r index < "$R/sys/class/net/$primary/ifindex"
  part interface; echo "name=$primary"; echo "index=$index"
  if command -v ip > /dev/null && [ -n "$primary" ]; then ip -4 -o addr show dev "$primary" | head -c 4097; fi

  part memory
  while read -r k v _; do case $k in MemTotal:|MemAvailable:|MemFree:|Buffers:|Cached:) echo "$k $v" ;; esac; done < "$R/proc/meminfo"

  part files
  state "$R$CONF" "$L" "$L/WireServerEndpoint" "$R/etc/azure/vmbackup.conf" \
    "$R/run/reboot-required" "$R/var/run/reboot-required" "$R/run/reboot-needed" \
    "$R/var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux" "$R/boot" \
    "$L"/Microsoft.Azure.RecoveryServices.VMSnapshotLinux* \
    "$R/run/systemd/system"
  lease_folders state
  set -- "$R"/boot/vmlinuz-* "$R"/usr/lib/modules/*/vmlinuz
  for f; do if [ -e "$f" ]; then echo "kernel ${f#"$R"}"; fi; done

  part config
  lines 65536 "$R$CONF" "$L/WireServerEndpoint" "$R/etc/azure/vmbackup.conf" "$R/etc/os-release"
  # Of the network's configuration only the settings that tell how an address is come by: the same
  # files may hold keys of wireless networks and of tunnels.
  runtime_leases settings 32768 "$R"/etc/network/interfaces "$R"/etc/network/interfaces.d/* "$R"/run/network/interfaces.d/* \
    "$R"/run/systemd/netif/links/* "$R"/run/systemd/network/*.network "$R"/etc/systemd/network/*.network \
    "$R"/run/NetworkManager/system-connections/* "$R"/etc/NetworkManager/system-connections/* \
    "$R"/etc/sysconfig/network-scripts/ifcfg-* "$R"/etc/sysconfig/network/ifcfg-*

  part leases
  { text_leases bounded 5 grep $A -HsE "$LEASE_LINES" || [ $? -lt 3 ] || echo '/unfinished:'; } | unsigned | tail -c 32769
  # XML comes on one or many lines; its few kilobytes go as they are
  { xml_leases bounded 5 grep $A -Hs '' || [ $? -lt 3 ] || echo '/unfinished:'; } | unsigned | head -c 16384
  raw_leases raw
  if [ -d "$R/run/NetworkManager" ] && command -v nmcli > /dev/null && [ -n "$primary" ] && ! grep -qs 245 "$R"/run/NetworkManager/devices/*; then
    part nmcli; bounded 3 nmcli -t -f GENERAL.CONNECTION,DHCP4 device show "$primary" | head -c 8193
  fi

  part processes
  [ -z "$agents" ] || printf '%s\n' "$agents"
  handler=${agents##*"running handler "}
  case $agents in *"running handler "*) handler=${handler%%"$NL"*} ;; *) handler= ;; esac

  part units
  if [ -d "$R/run/systemd/system" ]; then
    # shellcheck disable=SC2086  # words on purpose
    bounded 5 systemctl show -p Id,LoadState,ActiveState,SubState,UnitFileState,Restart,FragmentPath,Environment $UNITS |
      while IFS= read -r v; do
        case $v in
          Environment=*) for f in ${v#*=}; do case $f in *_proxy=*|*_PROXY=*) echo "Environment=$f" | sed 's#//.*@#//***@#' ;; esac; done ;;
          *) printf '%.300s\n' "$v" ;;
        esac
      done
  else
    state "$R/etc/init.d/walinuxagent" "$R/etc/init.d/waagent" "$R/etc/init/walinuxagent.conf" "$R/etc/init/waagent.conf" \
      "$R"/etc/rc[2-5].d/S*waagent "$R"/etc/rc.d/rc[2-5].d/S*waagent "$R"/etc/rc[2-5].d/S*walinuxagent "$R"/etc/runlevels/default/*waagent
    lines 8192 "$R/etc/init/walinuxagent.conf" "$R/etc/init/waagent.conf"
  fi

  # `waagent --version` itself only looks for the running handler's command line; starting Python
  # for it is the dearest thing a probe can do, so it is asked only where that line is missing.
  part version
  if [ -n "${handler:-}" ]; then echo "running=$handler"
  else
    v=$(command -v waagent) || for v in "$R$BINARY" ''; do if [ -x "$v" ]; then break; fi; done
    if [ -n "$v" ] && [ -z "$R" ]; then
      v=$(bounded 5 "$v" --version 2>&1); v_rc=$?
      printf '%.2000s\nexit=%s\n' "$v" "$v_rc"
    elif [ -n "$v" ]; then head -c 2000 "$L/version.txt"
    else echo "absent"; fi
  fi

  # The interpreters in the order in which the extension's launcher tries them, up to one that every version of the
  # extension runs under: for each name /usr/bin, then /usr/local/bin; `which python`; what runs the agent.
  part python
  if [ -d "$R/usr/bin" ]; then echo "searched=/usr/bin /usr/local/bin"; fi
  tried=' '; fit=
  for p in 3.8 3.7 3.6 3.5 3.4 3.3 3 2.7 2.6 2 ''; do
    for d in /usr/bin /usr/local/bin; do
      [ -n "$fit" ] || interpreter path "$d/python$p"
    done
  done
  if [ -z "$fit" ]; then
    p=$(printf '%s\n' "$agents" | grep $A '^process ' | sort -k 2n | head -n 1) # as ps lists them
    p=${p#process }; v=${p#* }; v=${v%% *}; p=${p%% *}
    d=
    command -v which > /dev/null && d=$(tr '\0' '\n' < "$R/proc/$p/environ" | grep $A '^PATH=')
    set -f; IFS=:
    for d in ${d#PATH=}; do if [ -x "$R$d/python" ]; then break; fi; d=; done
    unset IFS; set +f
    [ -z "$d" ] || interpreter which "$d/python"
    echo agent=
    case $v in /*python*) interpreter agent "$v" ;; esac
  fi

  part extension
  # How runs ended is asked of the enabled version; where none is enabled, of all.
  enabled=$(grep $A -ls '^ *Enabled' "$L"/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-*/config/HandlerState)
  {
    for d in "$L"/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-*; do
      [ -d "$d" ] || continue
      echo "handler ${d#"$R"}"
      bounded 5 grep $A -Hs '' "$d/config/HandlerState" "$d/config/HandlerStatus" /dev/null | unsigned
      case $NL$enabled in "$NL"|*"$NL$d/"*) ;; *) continue ;; esac
      newest .status "$d"/status/*.status
      [ -n "$last" ] || continue
      report "$d/status/$last.status"
      # under way: the report of the run before it counts, which was renamed when this one began
      case $told in *'"code": "4"'*|*'"code": 4,'*) newest _status "$d"/status/*_status; [ -z "$last" ] || report "$d/status/${last}_status" ;; esac
    done
  } | head -c 49153
}

# interpreter PLACE PATH: tells a Python's version, once; sets `fit` where every version of the extension runs under it.
interpreter() {
  [ -f "$R$2" ] && [ -x "$R$2" ] || return 0
  interpreter_t=$(readlink -f "$R$2" || echo "$R$2")
  case $tried in *" $interpreter_t "*) return 0 ;; esac
  tried="$tried$interpreter_t "
  echo "$1=$2"
  interpreter_t=$(bounded 3 "$R$2" -V 2>&1 | head -c 100)
  printf '%s\n' "$interpreter_t"
  case $interpreter_t in *'Python 2.'[67]*|*'Python 3.'[3-9].*|*'Python 3.1'[01].*) fit=yes ;; esac
}

# newest SUFFIX FILE...: sets `last` to the highest number among names NUMBER.SUFFIX
newest() {
  newest_s=$1; last=; shift
  for f; do
    n=${f##*/}; n=${n%"$newest_s"}
    case $n in ''|*[!0-9]*|??????????*) ;; *) if [ -f "$f" ]; then if [ -z "$last" ] || [ "$n" -gt "$last" ]; then last=$n; fi; fi ;; esac
  done
}

# report FILE: a report of the extension on one line, without addresses of blobs and telemetry that decides nothing.
# Of one that is larger than its cap the end counts: it holds the code, and begins in the middle of the JSON.
report() {
  echo "status ${1#"$R"}"
  told=$(bounded 5 sed -E -e 's#\\"(snapshotUri|blobUri)\\": \\"[^"\\]*\\", ?##g' \
    -e 's#\{\\"Value\\": (\\"[^"\\]*\\", \\"Key\\": \\"(extensionVersion|pythonVersion|snapshotCreator|hostStatusCodePreSnapshot)\\"\})#{\\"value\\": \1#g' \
    -e 's#\{\\"Value\\": \\"[^"\\]*\\", \\"Key\\": \\"[A-Za-z]*\\"\}, ##g' -e 's#\{\\"value\\": #{\\"Value\\": #g' "$1" | unsigned | tr '\n' ' ' | tail -c 16384)
  printf '%s:%s\n' "${1#"$R"}" "$told"
}

# Hosts of Azure Storage that this VM's own goal state names, the status blob first; host part only.
endpoints() {
  # shellcheck disable=SC2012,SC2086  # -t: the newest goal state first; the globs are words on purpose
  for f in "$L"/ExtensionsConfig*.xml $(ls -1td "$L"/history/*/ExtensionsConfig*.xml | head -n 1) $(ls -1td "$L"/history/*/VmSettings*.json | head -n 1) "$L"/*.manifest.xml; do
    if [ -f "$f" ]; then
      head -c 262144 "$f" | grep $A -oE '(StatusUploadBlob[^>]*>)?https://[A-Za-z0-9.-]+\.(blob\.core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)|blob\.storage\.azure\.net)'
    fi
  done | sort | sed 's#.*https://##' | while read -r h; do
    case $seen in *" $h "*) ;; *) seen="$seen $h "; echo "$h" ;; esac
  done | head -n 2
}

printf '\navb-probe 1 begin %s\n' "$N"
exec 3>&1
slow=$(
  seen=
  agents=$(agent_processes)
  find_layout
  chosen=$(endpoints)
  origin=goal-state
  if [ -z "$chosen" ]; then chosen=$FALLBACK; origin=baseline; fi
  agent_proxy
  # what the agent's log last says of the way by which it gets what it downloads
  channel=$(tail -c 262144 "$R/var/log/waagent.log" | grep $A -oE 'channel changed to [A-Za-z]+|host plugin as default' | tail -n 1)
  told=
  for h in $chosen; do via "$h"; told="$told$h $via$NL"; done
  printf '\n%s endpoints\norigin=%s\n%s' "$N" "$origin" "$told"
  if [ -n "$channel" ]; then printf 'channel=%s\n' "${channel##* }"; fi
  for h in $chosen; do via "$h"; storage "$h" "$via" & done
  wire_server &
  check 'host 32526' 3 - "http://$HOST:$PLUGIN_PORT/versions" &
  imds &
  route_to host "$HOST" &
  # after the local reading and beside the waiting: the sample must not measure the probe itself
  fast >&3
  read -r c1 < "$R/proc/stat"; sleep 2; read -r c2 < "$R/proc/stat"
  printf '\n%s cpu\nseconds=2\n%s\n%s\n' "$N" "$c1" "$c2"
  wait
)
printf '%s\n\navb-probe 1 end %s\n' "$slow" "$N"
