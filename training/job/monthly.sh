#!/bin/sh
# Retrain on all label files of a folder, unattended; the gate decides whether the candidate becomes the model.
#
#   LABELS=/srv/labels RUNS=/srv/runs training/job/monthly.sh
#
# One run directory a month: after a kill the same command goes on in it. Exit code: that of training.retrain (0 promoted, 10 refused,
# 1 wrong labels or settings), 75 if another run is still at work.
set -eu
cd "$(dirname "$0")/../.."
: "${LABELS:=labels}" "${RUNS:=runs}" "${MODEL:=model}" "${PYTHON:=.venv/bin/python}" "${OPTIONS:=}"
set -- "$LABELS"/*
if [ ! -e "$1" ]; then
  echo "monthly.sh: no label files in $LABELS" >&2
  exit 1
fi
mkdir -p "$RUNS"
if [ ! -e "$MODEL" ]; then
  mkdir -p "$(dirname "$MODEL")"
  cp -R model "$MODEL.first" && mv "$MODEL.first" "$MODEL"
fi
# OPTIONS is several words: more arguments of training.retrain
# shellcheck disable=SC2086
exec flock --nonblock --conflict-exit-code 75 "$RUNS/.lock" \
  "$PYTHON" -m training.retrain --labels "$@" --model "$MODEL" --out "$RUNS/$(date +%Y-%m)" --promote $OPTIONS
