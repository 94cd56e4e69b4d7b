#!/bin/sh
# compile: builds the programs of this directory and its neighbours again and again, one at a time. It
# writes how many it has built. RATE is a pause of so many seconds between two.
here=$(dirname "$0")
end=$(($(date +%s) + ${DURATION:-1000000000}))
built=0
while [ "$(date +%s)" -lt "$end" ]; do
    for source in "$here"/*.c "$here"/../leak/*.c; do
        gcc -std=gnu17 -O2 -pthread -o built "$source" -lm || exit 1
        built=$((built + 1))
        printf '%020d\n' "$built" > "${PROGRESS:-/dev/null}"
        sleep "${RATE:-2}"
    done
done
