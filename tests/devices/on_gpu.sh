#!/bin/sh
# Check an accelerator in 12 minutes at most: the tests of devices, the suites `throughput` and `vision`, the energy
# of a training, the self-test, and `quickstart` if there is time.
#
#   sh tests/devices/on_gpu.sh [KIND] [FOLDER]
#
# KIND is PyTorch's name of the device (default: cuda). FOLDER gets the log and the records (default: on-gpu).
# Run it from the root of the repository, where `bench-suite[test]` is installed, on the machine that has the device.
# The suite `vision` reads its data from $BENCH_DATA or the hub; `bench data fetch vision` brings them before.
# Exit status: 0 if every part ended well, else that of the first part that did not. A part that exceeds its limit ends
# with 124, and the next one begins; a part that no longer fits into the 12 minutes is left out, and the log says so.

kind=${1:-cuda}
folder=${2:-on-gpu}
total=720
mkdir -p "$folder"
log="$folder/log.txt"
: > "$log"
began=$(date +%s)
status=0

part() { # part NAME SECONDS COMMAND…: run a command under a time limit
    name=$1
    limit=$2
    shift 2
    left=$((total - ($(date +%s) - began)))
    if [ "$left" -lt 20 ]; then
        echo "== $name: left out, $left s are left" | tee -a "$log"
        return
    fi
    [ "$left" -lt "$limit" ] && limit=$left
    echo "== $name: at most $limit s" | tee -a "$log"
    since=$(date +%s)
    timeout -k 10 "$limit" "$@" >> "$log" 2>&1
    ended=$?
    echo "== $name: exit status $ended after $(($(date +%s) - since)) s" | tee -a "$log"
    [ "$status" -eq 0 ] && status=$ended
}

part devices 240 env BENCH_TEST_DEVICE="$kind" python -m pytest tests/devices -q --durations=10
part throughput 200 python -m bench_suite run throughput --set "matrix.device=$kind" \
    --set probes.batch_size.budget=4 --results "$folder/results"
part vision 200 python -m bench_suite run vision --set "matrix.device=$kind" --results "$folder/results"
part energy 60 python -m bench_suite run quickstart -k 'mnist and cnn' --set "matrix.device=$kind" \
    --set 'matrix.seed=[0]' --set 'probes.energy={seconds=0.5}' --results "$folder/results"
part selftest 120 python -m bench_suite selftest
left=$((total - ($(date +%s) - began)))
if [ "$left" -ge 100 ]; then
    part quickstart 120 python -m bench_suite run quickstart --set "matrix.device=$kind" --results "$folder/results"
else
    echo "== quickstart: left out, $left s are left" | tee -a "$log"
fi
exit "$status"
