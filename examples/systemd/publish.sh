#!/bin/sh
# Judges and publishes the reports to a folder that any web server may serve: one folder a run, `latest` is the newest.
# Ends with pytest's exit status, so that the unit fails, and OnFailure= or cron's mail speaks up, when the gate fails.
# From cron: 30 5 * * * SITE=/srv/www/backup OPTIONS='--hosts-file=/etc/backup-compliance/hosts.txt' /opt/azure-backup-compliance/examples/systemd/publish.sh
set -eu

suite=${SUITE:-/opt/azure-backup-compliance}
site=${SITE:-${STATE_DIRECTORY:-/var/lib/backup-compliance}/site}
keep=${KEEP:-90}
# words, on purpose: one option each, without spaces in them
options=${OPTIONS:---hosts-file=/etc/backup-compliance/hosts.txt}

run=$(date -u +%Y-%m-%dT%H%M%SZ)
mkdir -p "$site/$run.part"
cd "$suite"
status=0
# shellcheck disable=SC2086
.venv/bin/python -m pytest -q -p no:cacheprovider --report-dir="$site/$run.part" $options || status=$?

# wrong usage, or a run that broke, leaves the last report where it is
if [ ! -s "$site/$run.part/compliance.html" ]; then
  rm -rf "$site/$run.part"
  echo "publish: no report was written (exit status $status)" >&2
  exit "${status:-1}"
fi
mv "$site/$run.part" "$site/$run"
ln -sfn "$run" "$site/latest.new"
mv -T "$site/latest.new" "$site/latest"

# names are dates: the oldest come first
find "$site" -mindepth 1 -maxdepth 1 -type d -name '????-??-??T*Z' | sort | head -n "-$keep" | while IFS= read -r old; do
  rm -rf "$old"
done
exit "$status"
