# ./dev test: every suite in its short form, or those that are named.

test_usage() {
    cat <<'END'
./dev test [SUITE…] [--long]: builds and runs the tests; without names, all of them

  unit         each file keeps its header's promises          (sanitizers)
  contract     every driver and framing keeps its interface's (sanitizers)
  golden       the generator prints what was reviewed         (sanitizers)
  events       single events against a real database          (sanitizers)
  sql          migrations and SQL functions
  simulation   streams and requests under a seeded scheduler
  fuzz         no input from outside crashes a parser         (sanitizers)
  instructions the hot paths take no more of them than recorded
  minimal      the build without brokers, and its tests
  docs         generated files, the contract's promises, links
  new-event    pages and flags become events, or are refused by line
  walk         docs/hacking.md, done as it is written
  integration  real processes through official clients        (sanitizers)
  client       the TypeScript client, alone and with a system  (sanitizers)
  chaos        kills, pauses and losses under load
  compose      containers: up, scaled, down

  --long       the form that proofs use
END
}

SUITES=(unit contract golden events sql simulation fuzz instructions minimal docs new-event walk integration client chaos compose)
LONG="" CHAOS_FLAGS=()

command_test() {
    local chosen=()
    while (($#)); do
        case $1 in
            --long) LONG=--long ;;
            -h | --help) test_usage && exit 0 ;;
            -*) fail "test does not know '$1'; see ./dev test --help" ;;
            # the chaos suite has flags of its own: ./dev test chaos --kills 500 --seed 1
            chaos) chosen+=(chaos) && shift && CHAOS_FLAGS=("$@") && break ;;
            *) chosen+=("$(one_of suite "$1" "${SUITES[@]}")") ;;
        esac
        shift
    done
    run_suites "${chosen[@]:-${SUITES[@]}}"
}

run_suites() {
    PASSED=0 FAILED=0 SKIPPED=0
    RESULTS=$RUN/test
    rm -rf "$RESULTS" && mkdir -p "$RESULTS"
    local suite summary=""
    for suite in "$@"; do
        run_suite "$suite"
        summary+="$LINE"$'\n'
    done
    (($# == 1)) || printf '\n%s' "$summary"
    printf '\n%d passed, %d failed, %d skipped\n' $PASSED $FAILED $SKIPPED
    ((FAILED == 0)) || exit 1
}

# A suite is a function that prints and ends; what it printed tells how many passed. Its
# status is asked for, so `set -e` is off inside: suites chain with && or || exit.
run_suite() {
    local suite=$1 began status=0 counts passed failed skipped
    LOG=$RESULTS/$suite.log
    began=$(now_ms)
    say "── $suite"
    # in a subshell, so that a suite that fails early fails alone
    ("suite_$suite") >"$LOG" 2>&1 || status=$?
    counts=$(count_tests "$LOG")
    read -r passed failed skipped <<<"$counts"
    if ((status != 0 && failed == 0)); then failed=1; fi
    if ((failed)); then show_failures "$LOG"; fi
    grep '^SKIPPED: ' "$LOG" || true
    LINE=$(printf '%-12s %5d passed %4d failed %4d skipped %7.1f s' "$suite" "$passed" "$failed" "$skipped" \
        "$(awk "BEGIN { print ($(now_ms) - $began) / 1000 }")")
    say "$LINE"
    PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) SKIPPED=$((SKIPPED + skipped))
}

# --- counting

# Adds up what ctest -V (each case of cmocka or of a script counts), node --test and our
# own scripts say.
count_tests() {
    awk '
        function case_of(line) { sub(":.*", "", line); return line + 0 }
        /^[0-9]+: \[ RUN      \]/  { run[case_of($0)]++ }
        /^[0-9]+: \[       OK \]/  { ok[case_of($0)]++ }
        # after a group cmocka lists the skipped ones again
        /^[0-9]+: \[==========\]/ { listed[case_of($0)] = / run\.$/ }
        /^[0-9]+: \[  SKIPPED \]/ { if (!listed[case_of($0)]) skip[case_of($0)]++ }
        # scripts say a line for each of theirs
        /^[0-9]+: (ok|FAILED|skipped) +[^ ]/ {
            run[case_of($0)]++
            if ($2 == "ok") ok[case_of($0)]++
            if ($2 == "skipped") skip[case_of($0)]++
        }
        / Test +#[0-9]+: / {
            number = $0; sub(".*#", "", number); number += 0
            if (run[number] == 0 && $0 !~ /Passed/ && $0 ~ /Skipped/) { skipped++; next }
            if (run[number] == 0) { if ($0 ~ /Passed/) passed++; else failed++; next }
            bad = run[number] - ok[number] - skip[number]
            if (bad == 0 && $0 !~ /Passed/) bad = 1
            passed += ok[number]; failed += bad; skipped += skip[number]
        }
        /^# pass [0-9]+$/ { passed += $3 }
        /^# fail [0-9]+$/ { failed += $3 }
        /^# cancelled [0-9]+$/ { failed += $3 }
        /^# (skipped|todo) [0-9]+$/ { skipped += $3 }
        /^[0-9]+ passed, [0-9]+ failed/ { passed += $1; failed += $3; skipped += $5 }
        /^SKIPPED: / { skipped++ }
        END { print passed + 0, failed + 0, skipped + 0 }
    ' "$1"
}

show_failures() {
    grep -nE '\[  FAILED  \]|\*\*\*(Failed|Exception|Timeout)|^ *not ok|ERROR: (Address|Leak)Sanitizer|runtime error:|^dev: |FAILED:' "$1" |
        head -40 || true
    say "── the end of $1"
    tail -n 60 "$1"
}

# --- suites

asan_build() {
    need_packages "${BUILD_PACKAGES[@]}"
    use_preset asan
    build "$@"
}

# Tests of one label; each prints its cases.
labelled() {
    local label=$1
    if [[ $(ctest --test-dir "$BUILD_DIR" -N -L "^$label\$" | awk '/Total Tests:/ { print $3 }') == 0 ]]; then
        echo "SKIPPED: no tests are labelled $label"
        return
    fi
    ctest --test-dir "$BUILD_DIR" -V -j 2 -L "^$label\$"
}

suite_unit() { asan_build all && labelled unit; }
suite_contract() { need_packages nats-server redis-server && asan_build all && labelled contract; }
suite_golden() { asan_build all && labelled golden; }
suite_events() { need_packages postgresql && asan_build all && labelled events; }
suite_sql() { need_packages postgresql && asan_build all && labelled sql; }
suite_simulation() {
    asan_build all && labelled simulation || return
    [[ ! $LONG ]] || "$BUILD_DIR/tests/simulation/simulation" --long
}

# First what was found before, then a look for more.
suite_fuzz() {
    need_packages "${BUILD_PACKAGES[@]}" clang libclang-rt-dev
    use_preset clang
    local names=() name seconds=5
    mapfile -t names < <(cd "$ROOT/tests/fuzz" && basename -s .c -a fuzz_*.c)
    build "${names[@]}" && labelled fuzz || exit
    [[ ! $LONG ]] || seconds=300
    for name in "${names[@]}"; do
        mkdir -p "$RUN/fuzz/$name"
        if "$BUILD_DIR/tests/fuzz/$name" -max_total_time=$seconds -artifact_prefix="$RUN/fuzz/$name-" \
            "$RUN/fuzz/$name" "$ROOT/tests/fuzz/corpus/${name#fuzz_}"; then
            echo "1 passed, 0 failed"
        else
            echo "0 passed, 1 failed"
        fi
    done
}

suite_instructions() {
    # shellcheck source=bench.sh
    source "$ROOT/dev.d/bench.sh"
    count_instructions
}

suite_minimal() {
    need_packages "${BUILD_PACKAGES[@]}"
    use_preset minimal
    build all
    ! ldd "$(program belfry-edge)" "$(program belfry-core)" | grep -E 'libnats|libhiredis' || exit 1
    labelled unit
    labelled contract
}

suite_docs() {
    need_node
    local status=0
    node "$ROOT/tests/support/check_links.mjs" "$ROOT" || status=1
    node "$ROOT/tests/docs/check_pages.mjs" "$ROOT" || status=1
    if "$ROOT/dev" gen --check; then echo "1 passed, 0 failed"; else echo "0 passed, 1 failed" && status=1; fi
    cd "$ROOT/tests/docs" && install_node_modules || exit
    node --test --test-reporter=tap ./*.test.mjs || status=1
    return $status
}

# Each in a scratch copy of this tree, which it builds.
suite_new-event() {
    scratch_packages
    node --test --test-reporter=tap "$ROOT"/tests/new_event/*.test.mjs
}
suite_walk() {
    scratch_packages
    (cd "$ROOT/tests/integration" && install_node_modules) || exit
    node "$ROOT/tests/walk/walk.mjs"
}
scratch_packages() {
    need_node
    need_packages "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" git haproxy
}

suite_integration() {
    need_node
    need_packages "${RUN_PACKAGES[@]}" postgresql-client haproxy prometheus
    asan_build belfry-edge belfry-core belfry
    cd "$ROOT/tests/integration" && install_node_modules || exit
    with_watched_system node --test --test-concurrency=1 --test-reporter=tap ./*.test.mjs
}

suite_client() {
    need_node
    need_packages "${RUN_PACKAGES[@]}" postgresql-client haproxy
    asan_build belfry-edge belfry-core belfry
    cd "$ROOT/clients/typescript" && npm ci --no-audit --no-fund || exit
    local status=0
    npm test || status=$?
    with_watched_system npm run test:system || status=$?
    return $status
}

# The same, and the sanitizers of its processes have nothing to say.
with_watched_system() {
    local status=0 reports=$RUN/test/sanitizer
    rm -rf "$reports" && mkdir -p "$reports"
    export BELFRY_PRESET=$PRESET
    export ASAN_OPTIONS=log_path=$reports/report UBSAN_OPTIONS=print_stacktrace=1:log_path=$reports/report
    # where BELFRY_BUILD_DIR is a build of the preset tsan
    export TSAN_OPTIONS=suppressions=$ROOT/tests/support/tsan.supp:log_path=$reports/report
    with_system "$@" || status=$?
    no_reports "$reports" || status=1
    return $status
}

# One system for all tests that do not hurt it: BELFRY_TEST_ENV names its variables.
with_system() {
    local folder=$RUN/test/system status=0
    export BELFRY_RUN_DIR=$folder
    "$ROOT/dev" up --detach --no-build --edges 2 --cores 2 --port "$(free_ports 3)" || return
    BELFRY_TEST_ENV=$folder/env "$@" || status=$?
    "$ROOT/dev" down || status=$?
    return $status
}

no_reports() {
    local report found=0
    for report in "$1"/*; do
        [[ -s $report ]] || continue
        found=1
        echo "not ok - a sanitizer found something:"
        head -40 "$report"
    done
    if ((found)); then echo "0 passed, 1 failed"; else echo "1 passed, 0 failed"; fi
    return $found
}

suite_chaos() {
    need_node
    use_preset release
    build belfry-edge belfry-core belfry
    BELFRY_PRESET=release "$ROOT/tests/chaos/run" ${LONG:+"$LONG"} "${CHAOS_FLAGS[@]}"
}

# A container engine is no small thing to install on somebody's machine: only CI does.
suite_compose() {
    need_node
    if [[ ${CI:-} ]] && ((EUID == 0)); then
        command -v dockerd >/dev/null || need_packages docker.io
        command -v docker-compose >/dev/null || need_packages docker-compose
        need_packages debootstrap iptables curl
    fi
    (cd "$ROOT/tests/integration" && install_node_modules) || exit
    local status=0
    "$ROOT/tests/compose/test_compose.sh" || status=$?
    ((status == 77)) || return $status
}
