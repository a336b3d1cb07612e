#!/bin/sh
# Has a film (DICOM, PNG or JPEG) read by the models of a node. Prints the findings as JSON.
# usage: RADNODE_URL=http://127.0.0.1:8080 RADNODE_TOKEN=… analyze.sh now FILE
#        analyze.sh later FILE          as a job, whose end is waited for
#        analyze.sh draft FILE OUT.dcm  the unverified structured report of a DICOM file
set -eu
how=$1 file=$2 api=$RADNODE_URL/api/v1/analyze
call() {
  curl --silent --show-error --fail-with-body --header "Authorization: Bearer $RADNODE_TOKEN" "$@"
}
send() {
  call --header "Content-Type: application/octet-stream" --data-binary "@$file" "$@"
}
case $how in
now) send "$api" ;;
draft) send --header "Accept: application/dicom" --output "$3" "$api" ;;
later)
  job=$(send "$api/jobs" | sed 's/.*"id":"\([^"]*\)".*/\1/')
  while sleep 0.3; do
    answer=$(call "$api/jobs/$job")
    case $answer in
    *'"state":"failed"'*) printf '%s\n' "$answer" >&2; exit 1 ;;
    *'"state":"done"'*) break ;;
    esac
  done
  printf '%s\n' "$answer"
  call --request DELETE "$api/jobs/$job" ;;
*) sed -n 3,5p "$0" >&2; exit 2 ;;
esac
