#!/usr/bin/env bash
# Runs the fuzz targets with libFuzzer; see --help.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib/setup.sh"

usage() {
  cat <<'TEXT'
tests/fuzz/run.sh [--fast | --asan] [--runs N] [--jobs N] MINUTES [TARGET...]
tests/fuzz/run.sh --min-executions N [--jobs N] [TARGET...]

Installs clang (deploy/packages/fuzz.txt), builds the targets of tests/fuzz twice (fast: coverage and
the targets' own checks; asan: AddressSanitizer and UBSan too), and runs each TARGET (pickle, policy,
...; default: all) in both, so that all of it takes about MINUTES. Two thirds of a target's time are
the fast build's.

  --fast, --asan   one of the two builds only
  --runs N         stop a target after N executions
  --jobs N         so many at a time (default: one a processor)
  --min-executions N
                   every target gets N executions of the fast build, however long that takes, and
                   one execution of each file of its corpus by the other

What raises coverage goes to build/fuzz-corpus, from which the next run goes on, and a minimised part
of it to tests/fuzz/corpus, where every build replays it as a unit test. Prints executions per target
and in all. Exit 1 if a target crashed (the input that did it stands in build/fuzz-results), had
fewer executions than asked for, or its corpus could not be minimised.
TEXT
}

builds=(fuzz fuzz-asan) runs=-1 minimum=0 jobs="$(nproc)"
while (($#)); do
  case "$1" in
    --fast) builds=(fuzz) ;;
    --asan) builds=(fuzz-asan) ;;
    --runs) runs="$2" && shift ;;
    --jobs) jobs="$2" && shift ;;
    --min-executions) minimum="$2" && shift ;;
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && die "unknown option $1" ;;
    *) break ;;
  esac
  shift
done
[[ "$runs $minimum $jobs" =~ ^-?[0-9]+\ [0-9]+\ [1-9][0-9]*$ ]] || { usage >&2 && die "not a number"; }
minutes=0
if ((minimum == 0)); then
  [[ "${1:-}" =~ ^[0-9]+$ ]] || { usage >&2 && die "MINUTES is missing"; }
  minutes="$1"
  shift
fi

source_folder=tests/fuzz
seeds=sandbox/formats/testdata
corpus="$source_folder/corpus"
working=build/fuzz-corpus
results=build/fuzz-results
# Bytes of one target's corpus, of one file in it that a fuzzer found, and how many of those.
max_corpus=$((300 * 1024))
max_found=4096
max_files=100

targets=("$@")
if ((${#targets[@]} == 0)); then
  for file in "$source_folder"/fuzz_*.cc; do
    name="${file##*/fuzz_}"
    targets+=("${name%.cc}")
  done
fi
for target in "${targets[@]}"; do
  [[ -f "$source_folder/fuzz_$target.cc" ]] || die "no target $target"
done

install_packages deploy/packages/build.txt deploy/packages/fuzz.txt
for preset in "${builds[@]}"; do
  build "$preset" "${targets[@]/#/fuzz_}"
done
mkdir -p "$working"
# What an earlier run said of these targets; crashes stay until somebody has looked at them.
mkdir -p "$results" && rm -f "$results"/*.log "$results"/*.not-minimised

# Seeds of a target, as in tests/fuzz/CMakeLists.txt.
seed_folders() {
  local target="$1"
  [[ -d "$corpus/$target" ]] && echo "$corpus/$target"
  case "$target" in
    formats | pickle | joblib | npy | compress) echo "$seeds" ;;
  esac
}

# fuzz PRESET TARGET SECONDS RUNS: one run with its log; never fails. 0 seconds: as long as it takes;
# 0 runs: the corpus only.
fuzz() {
  local preset="$1" target="$2" seconds="$3" runs="$4" folders=() options=()
  mapfile -t folders < <(seed_folders "$target")
  mkdir -p "$working/$target"
  [[ -f "$source_folder/dict/$target.dict" ]] && options+=("-dict=$source_folder/dict/$target.dict")
  # A text or a number needs few bytes; the larger an input, the fewer are tried.
  case "$target" in
    typestr | policy_literal | text | store_path) options+=(-max_len=256) ;;
    npy_header | graph | control | job) options+=(-max_len=2048) ;;
    *) options+=(-max_len=32768) ;;
  esac
  # The time-out is for endless loops: budgets allow a parse a second, and the machine may be busy.
  ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1 \
    "build/$preset/bin/fuzz_$target" "${options[@]}" -max_total_time="$seconds" -runs="$runs" \
    -timeout=60 -rss_limit_mb=2560 -print_final_stats=1 -reload=30 -verbosity=1 \
    -artifact_prefix="$results/$target-" "$working/$target" "${folders[@]}" \
    >"$results/$preset-$target.log" 2>&1 || true
}

# in_turn COMMAND...: beside others, `jobs` at a time.
in_turn() {
  while (($(jobs -rp | wc -l) >= jobs)); do wait -n || true; done
  "$@" &
}

# Seconds of each: all of them, one after another on every processor.
total=$((minutes * 60 * jobs / ${#targets[@]}))
if ((minimum)); then
  say "Fuzzing ${#targets[@]} targets, $minimum executions each, $jobs at a time"
else
  say "Fuzzing ${#targets[@]} targets, $total seconds each, $jobs at a time"
fi
for target in "${targets[@]}"; do
  for preset in "${builds[@]}"; do
    if ((minimum)); then
      [[ "$preset" == fuzz ]] && runs=$minimum || runs=0
      in_turn fuzz "$preset" "$target" 0 "$runs"
      continue
    fi
    seconds=$total
    if ((${#builds[@]} == 2)); then
      [[ "$preset" == fuzz ]] && seconds=$((total * 2 / 3)) || seconds=$((total / 3))
    fi
    in_turn fuzz "$preset" "$target" "$((seconds > 0 ? seconds : 1))" "$runs"
  done
done
wait

# Keeps what has a name, and of what was found the smallest that reach everything. Changes nothing
# if it fails before that is known.
minimise() {
  local target="$1" merged="$working/$1.merged" folders=() folder file size kept files=0
  mapfile -t folders < <(seed_folders "$target")
  rm -rf "$merged" && mkdir -p "$merged" "$corpus/$target" || return 1
  # The seeds come first: what they reach needs no further file.
  for folder in "${folders[@]}"; do
    cp -r "$folder/." "$merged" || return 1
  done
  "build/${builds[0]}/bin/fuzz_$target" -merge=1 -max_len="$max_found" -timeout=60 \
    -rss_limit_mb=2560 "$merged" "$working/$target" >"$results/merge-$target.log" 2>&1 || return 1
  find "$corpus/$target" -name 'found-*.bin' -delete || return 1
  kept="$(find "$corpus/$target" -name '*.bin' -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }')"
  while read -r size file; do
    ((kept + size <= max_corpus && files < max_files)) || break
    # libFuzzer names what it keeps by its hash, seeds keep their names.
    [[ "${file##*/}" =~ ^[0-9a-f]{40}$ ]] || continue
    cp "$file" "$corpus/$target/found-$(basename "$file" | cut -c1-12).bin" || return 1
    kept=$((kept + size)) files=$((files + 1))
  done < <(find "$merged" -type f -size "-$((max_found + 1))c" -printf '%s %p\n' | sort -n)
  rm -rf "$merged"
}

minimise_or_say() { minimise "$1" || touch "$results/$1.not-minimised"; }

say "Minimising the corpus"
for target in "${targets[@]}"; do
  in_turn minimise_or_say "$target"
done
wait

executions() {
  sed -n 's/^stat::number_of_executed_units: //p' "$1" | tail -1
}

say "Executions"
sum=0 failed=0
printf '%-16s %14s %14s %10s\n' target fast asan corpus
for target in "${targets[@]}"; do
  counts=()
  for preset in fuzz fuzz-asan; do
    count=0
    log="$results/$preset-$target.log"
    if [[ -f "$log" ]]; then
      count="$(executions "$log")"
      # Without figures it ended before its time.
      if [[ -z "$count" ]] || grep -qE '^(==[0-9]+== ?ERROR|.*runtime error|.*SUMMARY: )' "$log"; then
        failed=1
        say "$target ($preset) failed; last lines of $log:"
        grep -aE 'does not hold|ERROR|SUMMARY|runtime error|Test unit written' "$log" | head -8 ||
          tail -5 "$log"
      elif [[ "$preset" == fuzz ]] && ((count < minimum)); then
        failed=1
        say "$target ended after $count executions"
      fi
    fi
    counts+=("${count:-0}")
    sum=$((sum + ${count:-0}))
  done
  if [[ -e "$results/$target.not-minimised" ]]; then
    failed=1
    say "$target's corpus was not minimised; see $results/merge-$target.log"
  fi
  size="$(cat "$corpus/$target"/*.bin 2>/dev/null | wc -c)"
  printf '%-16s %14d %14d %10d\n' "$target" "${counts[0]}" "${counts[1]}" "$size"
done
printf '%-16s %14d in all, %d seconds\n' total "$sum" "$SECONDS"
exit "$failed"
