//! What does not belong on a branch is left out and named, or given back to the agent that committed it.

use api::executor::ObjectionKind;

use super::{run::Run, saved::Saved};

/// What the script makes is left out and named as this path; everything else goes out.
async fn is_left_out(script: &str, path: &str) {
    let run = Run::after(&format!("{script}\necho edited > src/main.rs")).await;
    let out = run.out().await;
    assert_eq!(out.changes(), ["M src/main.rs"]);
    assert_eq!(out.not_committed(), [path], "{:#?}", out.result);
    let left = &out.result.not_committed[0];
    assert!(left.why.len() > 10, "{left:?}");
    // The agent still has it, and it is in an artifact with its size.
    let place = run.workspace().join(path);
    let saved = Saved::of(&run).await;
    if place.is_file() {
        let content = std::fs::read(place).unwrap();
        assert_eq!(left.bytes, content.len() as u64);
        assert!(saved.left_out(path) == Some(&content), "{:?}", saved.artifacts);
    } else {
        assert!(place.is_dir() && 0 < left.bytes, "{left:?}");
    }
}

macro_rules! left_out {
    ($($name:ident, $path:expr => $script:expr;)+) => {$(
        #[tokio::test]
        async fn $name() {
            is_left_out($script, $path).await;
        }
    )+};
}

left_out! {
    a_file_above_the_limit_is_left_out, "big.bin" => "truncate -s 50000001 big.bin";
    a_staged_file_above_the_limit_is_left_out, "big.bin" => "truncate -s 50000001 big.bin; git add big.bin";
    a_tracked_file_that_grew_above_the_limit_is_left_out, "docs/guide.md" => "truncate -s 50000001 docs/guide.md";
    packages_of_node_are_left_out, "node_modules/" =>
        "mkdir -p node_modules/a/b; echo x > node_modules/a/b/c.js; echo y > node_modules/.bin";
    packages_of_node_in_a_folder_are_left_out, "web/app/node_modules/" =>
        "mkdir -p web/app/node_modules/a; echo x > web/app/node_modules/a/index.js";
    an_environment_of_python_is_left_out, ".venv/" =>
        "mkdir -p .venv/lib; echo x > .venv/lib/x.py; echo 'home = /usr/bin' > .venv/pyvenv.cfg";
    an_environment_of_python_with_another_name_is_left_out, "my-env/" =>
        "mkdir -p my-env/lib; echo x > my-env/lib/x.py; echo 'home = /usr/bin' > my-env/pyvenv.cfg";
    compiled_python_is_left_out, "src/__pycache__/" => "mkdir src/__pycache__; echo x > src/__pycache__/x.pyc";
    a_folder_that_says_it_is_a_cache_is_left_out, "target/" =>
        "mkdir -p target/debug; echo x > target/debug/x
         echo 'Signature: 8a477f597d28d172789f06886806bc55' > target/CACHEDIR.TAG";
    environments_of_tox_are_left_out, ".tox/" => "mkdir -p .tox/py; echo x > .tox/py/x";
    files_of_gradle_are_left_out, ".gradle/" => "mkdir -p .gradle/8; echo x > .gradle/8/x";
    providers_of_terraform_are_left_out, ".terraform/" => "mkdir -p .terraform/p; echo x > .terraform/p/x";
    gems_are_left_out, "vendor/bundle/" => "mkdir -p vendor/bundle/ruby; echo x > vendor/bundle/ruby/x";
    a_core_dump_is_left_out, "core.1234" =>
        r"printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0\x3e\0' > core.1234";
    a_core_dump_with_any_name_is_left_out, "src/crash" =>
        r"printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0\x3e\0' > src/crash";
    settings_that_may_be_secret_are_left_out, ".env" => "echo KEY=1 > .env";
    staged_settings_that_may_be_secret_are_left_out, ".env" => "echo KEY=1 > .env; git add .env";
    settings_for_a_place_are_left_out, "app/.env.production" => "mkdir app; echo KEY=1 > app/.env.production";
    local_settings_are_left_out, ".env.local" => "echo KEY=1 > .env.local";
    a_private_key_is_left_out, "server.pem" =>
        "printf -- '-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n' > server.pem";
    a_private_key_after_its_certificate_is_left_out, "both.txt" =>
        "printf -- '-----BEGIN CERTIFICATE-----\\nMIIE\\n-----END CERTIFICATE-----\\n-----BEGIN RSA PRIVATE KEY-----\\r\\nx\\n' > both.txt";
    a_private_key_after_a_long_text_is_left_out, "long.pem" =>
        "(seq 3000; printf -- '-----BEGIN EC PRIVATE KEY-----\\nMIIE\\n-----END EC PRIVATE KEY-----\\n') > long.pem";
    a_private_key_of_ssh_is_left_out, "id_ed25519" =>
        "printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\\nb3Bl\\n-----END OPENSSH PRIVATE KEY-----\\n' > id_ed25519";
    a_private_key_of_pgp_is_left_out, "key.asc" =>
        "printf -- '-----BEGIN PGP PRIVATE KEY BLOCK-----\\n\\nlQ\\n-----END PGP PRIVATE KEY BLOCK-----\\n' > key.asc";
    a_key_by_its_name_is_left_out, "deploy/id_rsa" => "mkdir deploy; echo x > deploy/id_rsa";
    settings_of_the_agent_are_left_out, ".claude/settings.local.json" =>
        "mkdir .claude; echo '{}' > .claude/settings.local.json";
    notes_of_the_agent_are_left_out, "CLAUDE.local.md" => "echo notes > CLAUDE.local.md";
    a_secret_in_a_repository_inside_is_left_out, "app/.env" => "mkdir app; cd app; git init -q; echo KEY=1 > .env; cd ..";
    packages_in_a_repository_without_its_git_are_left_out, "node_modules/" =>
        "rm -rf .git; mkdir -p node_modules/a; echo x > node_modules/a/index.js";
}

#[tokio::test]
async fn what_looks_alike_and_belongs_goes_out() {
    let run = Run::after(
        "echo a > .env.example; echo a > .env.sample; echo a > .env.template; echo a > env; echo a > id_rsa.pub
         mkdir target venv .claude vendor; echo a > target/x; echo a > venv/x; echo a > vendor/x
         echo '{}' > .claude/settings.json; echo a > CLAUDE.md; echo a > core; echo a > node_modules
         printf -- '-----BEGIN CERTIFICATE-----\\nMIIE\\n' > cert.pem; truncate -s 49999999 fits
         printf -- '-----BEGIN PUBLIC KEY-----\\nMIIE\\n' > pub.pem
         echo 'It starts with `-----BEGIN PRIVATE KEY-----`, see there.' > keys.md
         printf '\\x7fELF\\x02\\x01\\x01\\0\\0\\0\\0\\0\\0\\0\\0\\0\\x02\\0\\x3e\\0' > program",
    )
    .await;
    let out = run.out().await;
    assert_eq!((out.not_committed(), out.changes().len()), (vec![], 17), "{:#?}", out.changes());
}

#[tokio::test]
async fn what_the_repository_tracks_already_goes_out() {
    let run = Run::of(
        "mkdir -p node_modules/a target .claude; echo 1 > node_modules/a/x; echo KEY=0 > .env
         echo '{}' > .claude/settings.local.json; touch target/CACHEDIR.TAG; echo 1 > target/x
         printf -- '-----BEGIN PRIVATE KEY-----\\ntest\\n' > test.pem; git add -A; git commit -qm one",
    )
    .await;
    run.agent(
        "echo 2 > node_modules/a/x; echo KEY=1 > .env; echo '{ }' > .claude/settings.local.json
         echo 2 > target/x; echo more >> test.pem",
    );
    let out = run.out().await;
    let expected =
        ["M .claude/settings.local.json", "M .env", "M node_modules/a/x", "M target/x", "M test.pem"];
    assert_eq!((out.changes(), out.not_committed()), (expected.map(str::to_owned).to_vec(), vec![]));
}

#[tokio::test]
async fn what_the_repository_tracks_is_not_removed_when_it_became_unwanted() {
    let run = Run::after("truncate -s 50000001 docs/guide.md").await;
    let out = run.out().await;
    assert_eq!((out.changes(), out.commits), (vec![], 0));
    assert_eq!(out.not_committed(), ["docs/guide.md"]);
}

#[tokio::test]
async fn ignored_dependencies_are_not_named() {
    let run =
        Run::after("echo node_modules >> .gitignore; mkdir node_modules; echo x > node_modules/x").await;
    let out = run.out().await;
    assert_eq!((out.changes(), out.not_committed()), (vec!["M .gitignore".to_owned()], vec![]));
}

#[tokio::test]
async fn what_the_agent_committed_and_does_not_belong_goes_back_to_it() {
    for (file, make) in [
        (".env", "echo KEY=1 > .env"),
        ("app/.env.local", "mkdir app; echo KEY=1 > app/.env.local"),
        ("big.bin", "truncate -s 50000001 big.bin"),
        ("key.pem", "printf -- '-----BEGIN PRIVATE KEY-----\\nMIIE\\n' > key.pem"),
        ("id_ed25519", "echo x > id_ed25519"),
    ] {
        let run = Run::after(&format!("{make}; git add -A; git commit -qm mine; echo later > later")).await;
        let text = run.objected(ObjectionKind::Unwanted).await;
        assert!(text.contains(file), "{text}");
        // The agent may put it right by leaving the file out of its commit.
        run.agent(&format!("git rm -q --cached {file}; git commit -q --amend --allow-empty -m mine; echo /{file} >> .gitignore"));
        let out = run.out().await;
        assert_eq!(out.changes(), ["M .gitignore", "A later"], "{file}");
        assert_eq!(out.not_committed(), [""; 0]);
    }
}

#[tokio::test]
async fn what_the_agent_committed_and_removed_again_does_not_go_out_in_its_history() {
    for (file, make) in [
        ("key.pem", "printf -- '-----BEGIN PRIVATE KEY-----\\nMIIE\\n' > key.pem"),
        ("big", "truncate -s 50000001 big"),
    ] {
        let run = Run::after(&format!(
            "{make}; git add -A; git commit -qm mine; git rm -q {file}; git commit -qm removed; echo x > x"
        ))
        .await;
        let blob = run.agent(&format!("git rev-parse HEAD~1:{file}"));
        let result = run.commit().await;
        let objected = result.objections.iter().any(|objection| objection.kind == ObjectionKind::Unwanted);
        if !objected {
            run.push().await;
        }
        assert!(
            !run.remote("cat-file --batch-all-objects --batch-check").contains(&blob),
            "{file}: {result:#?}"
        );
    }
}

#[tokio::test]
async fn a_rescue_does_not_push_what_does_not_belong() {
    for make in ["echo KEY=1 > .env", "truncate -s 50000001 big.bin"] {
        let run = Run::after(&format!(
            "echo a > a; git add a; git commit -qm a; {make}; git add -A; git commit -qm mine"
        ))
        .await;
        let head = run.agent("git rev-parse HEAD");
        let result = run.rescue().await;
        assert_eq!(result.objections, []);
        run.push().await;
        let saved = Saved::of(&run).await;
        assert!(saved.has("a\n") && saved.has_commit(&head), "{make}: {:?}", saved.artifacts);
    }
}

#[tokio::test]
async fn many_files_that_are_left_out_do_not_make_the_answer_long() {
    let run = Run::after("for n in $(seq 500); do mkdir -p p$n; echo KEY=$n > p$n/.env; done; mkdir node_modules; cd node_modules; for n in $(seq 2000); do echo $n > $n; done").await;
    let out = run.out().await;
    assert_eq!(out.changes(), [""; 0]);
    assert!(out.not_committed().len() <= 501, "{}", out.not_committed().len());
    assert!(Saved::of(&run).await.has("KEY=500\n"));
}
