//! Outputs as the runners print them.

use super::says_nothing;

const NOTHING: [(&str, &str); 15] = [
    (
        "cargo",
        "   Compiling demo v0.1.0\n     Running unittests src/lib.rs (target/debug/deps/demo-1)\n\nrunning 0 tests\n\n\
         test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0.00s\n\n   \
         Doc-tests demo\n\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; \
         0 filtered out; finished in 0.00s\n",
    ),
    (
        "pytest",
        "collected 0 items\n\n============================ no tests ran in 0.01s =============================\n",
    ),
    ("pytest -q", "\nno tests ran in 0.00s\n"),
    ("pytest -k", "collected 3 items / 3 deselected / 0 selected\n\n==== 3 deselected in 0.02s ====\n"),
    ("jest", "\u{1b}[1mNo tests found, exiting with code 0\u{1b}[22m\n"),
    ("vitest", " RUN  v3.1.0 /app\n\nNo test files found, exiting with code 0\n"),
    ("mocha", "\n\n\u{1b}[92m \u{1b}[0m\u{1b}[32m 0 passing\u{1b}[0m\u{1b}[90m (1ms)\u{1b}[0m\n\n"),
    ("go", "?   \texample.com/demo\t[no test files]\nok  \texample.com/demo/a\t0.002s [no tests to run]\n"),
    (
        "unittest",
        "\n----------------------------------------------------------------------\nRan 0 tests in 0.000s\n\nOK\n",
    ),
    (
        "dotnet",
        "No test is available in /app/bin/Demo.dll. Make sure that test discoverer & executors are registered.\n",
    ),
    ("ctest", "Test project /app/build\nNo tests were found!!!\n"),
    ("phpunit", "PHPUnit 11.0.0 by Sebastian Bergmann and contributors.\n\nNo tests executed!\n"),
    ("rspec", "No examples found.\n\nFinished in 0.00021 seconds\n0 examples, 0 failures\n"),
    ("node, TAP", "TAP version 13\n1..0\n# tests 0\n# suites 0\n# pass 0\n# fail 0\n"),
    ("node", "ℹ tests 0\nℹ suites 0\nℹ pass 0\n"),
];

const SOMETHING: [(&str, &str); 12] = [
    (
        "cargo, one binary of two",
        "running 0 tests\n\ntest result: ok. 0 passed; 0 failed\n\nrunning 5 tests\n.....\ntest result: ok. 5 passed\n",
    ),
    (
        "pytest",
        "collected 2 items\n\na.py ..   [100%]\n\n============ 2 passed, 1 deselected in 0.05s ============\n",
    ),
    ("pytest -q", "..\n2 passed in 0.01s\n"),
    ("jest", "Test Suites: 1 passed, 1 total\nTests:       3 passed, 3 total\nTime:        0.4 s\n"),
    ("vitest", " Test Files  1 passed (1)\n      Tests  5 passed (5)\n"),
    ("mocha", "  2 passing (5ms)\n"),
    (
        "go, one package of two",
        "?   \texample.com/demo\t[no test files]\nok  \texample.com/demo/a\t(cached)\n",
    ),
    ("unittest", "Ran 1 test in 0.001s\n\nOK\n"),
    ("node", "# tests 3\n# pass 3\n"),
    ("no runner at all", "everything is fine\n"),
    // A program that talks about tests is no test runner.
    (
        "words inside other lines",
        "note: running 0 tests is what an empty file gives\nlog: no tests ran in the night\n",
    ),
    ("words inside a passing run", "No tests were found!!!\ntests 0\nRan 4 tests in 0.010s\n\nOK\n"),
];

#[test]
fn a_runner_that_ran_nothing_is_recognised_by_its_summary() {
    for (runner, output) in NOTHING {
        assert!(says_nothing(output).is_some(), "{runner}");
    }
    assert_eq!(says_nothing(NOTHING[1].1).as_deref(), Some("collected 0 items"));
}

#[test]
fn one_test_anywhere_is_enough_and_words_are_no_summary() {
    for (runner, output) in SOMETHING {
        assert_eq!(says_nothing(output), None, "{runner}");
    }
}
