# The support logs that the article names, as text on standard output: no file is written, nothing is changed.
# AVB_FROM is the number of the first file to send; `more N` at the end says where to go on, `done` that all was sent.
# Keys, certificates and settings never leave the guest: such files are not read, and what looks like one is cut out.
limit=900000
root=${AVB_ROOT:-}
# a line feed in a name would make two names of it, the second of somebody's choice
odd='*[!A-Za-z0-9._/@:+ -]*'
files=60
LC_ALL=C
export LC_ALL

listed() {
  IFS=,
  for folder in ${AVB_STATE_FOLDERS:-/var/lib/waagent}; do
    find "$root$folder" -maxdepth 1 -type f -name '*.xml' ! -path "$odd" 2>/dev/null
  done
  unset IFS
  find "$root/var/log" -maxdepth 1 -type f -name 'waagent.log*' ! -path "$odd" 2>/dev/null
  find "$root/var/log/azure" -type f ! -path "$odd" 2>/dev/null
}

# names that promise neither keys nor certificates
wanted() {
  grep -iv -e 'certificate' -e '\.prv$' -e '\.pem$' -e '\.crt$' -e '\.cer$' -e '\.key$' -e '\.p7m$' -e '\.pfx$' -e '\.p12$' |
    sort | head -n "$files"
}

masked() {
  sed -e '/-----BEGIN /,/-----END /d' \
    -e 's/\([Ss][Ii][Gg]=\)[^&"<> ]*/\1***/g' \
    -e 's/\([Ss][Ii][Gg]%3[Dd]\)[^&"<> ]*/\1***/g' \
    -e 's/\([Pp]rotectedSettings[A-Za-z]*&quot;[^&]*&quot;\)[^&]*/\1***/g' \
    -e 's/\([Pp]rotectedSettings[A-Za-z]*[\\"'"'"' ]*:[\\"'"'"' ]*\)[^\\"'"'"' ,}<&]*/\1***/g' \
    -e 's/\(<[Pp]rotectedSettings[^>]*>\)[^<]*/\1***/g'
}

# the end of a file, as much of it as fits; $1 path, $2 room
packed() {
  for size in 8000000 3000000 1000000 300000 100000; do
    text=$(case $1 in *.gz) gzip -dc "$1" ;; *) cat "$1" ;; esac 2>/dev/null | tail -c "$size" | masked | gzip -c | base64)
    if [ "${#text}" -le "$2" ]; then
      printf '%s\n' "$text"
      return 0
    fi
  done
  return 1
}

echo "avb-logs 1"
number=0
room=$limit
listed | wanted | {
  while IFS= read -r path; do
    number=$((number + 1))
    [ "$number" -gt "${AVB_FROM:-0}" ] || continue
    if ! sent=$(packed "$path" "$room"); then
      if [ "$room" -lt "$limit" ]; then
        echo "more $((number - 1))"
        exit
      fi
      echo "left-out ${path#"$root"}"
      continue
    fi
    echo "file $(wc -c < "$path") ${path#"$root"}"
    printf '%s\nend-file\n' "$sent"
    room=$((room - ${#sent}))
  done
  echo "done"
}
