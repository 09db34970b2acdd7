//! What an operator types, and what comes of it before a node is asked.

use super::*;

fn parse(line: &str) -> Result<Verb, Answer> {
    Command::parse(line.split_whitespace().map(OsString::from), []).map(|command| command.verb)
}

async fn answer(line: &str, environment: &[(&str, &str)]) -> Answer {
    let environment = environment
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    let command = Command::parse(line.split_whitespace().map(OsString::from), environment);
    let outcome = match command {
        Ok(command) => command.run().await,
        Err(answer) => Err(answer),
    };
    match outcome {
        Ok(Next::Done(answer)) | Err(answer) => answer,
        Ok(Next::Serve(_, reading)) => panic!("would serve {:?}", reading.config()),
    }
}

#[test]
fn a_verb_stands_anywhere_among_the_flags_or_is_serve() {
    for (line, verb) in [
        ("", "Serve"),
        ("--listen 127.0.0.1:1", "Serve"),
        ("serve", "Serve"),
        ("check", "Check"),
        ("--listen 127.0.0.1:1 check --log-level=debug", "Check"),
        ("healthcheck", "Healthcheck"),
        ("version", "Version"),
        ("--version", "Version"),
        ("-V", "Version"),
        (
            "--redis-key k emit / tick -1 2.5 --room=-x --log-level debug",
            "Emit",
        ),
        ("emit / tick --room a -- -1", "Emit"),
    ] {
        let parsed = format!("{:?}", parse(line).unwrap());
        assert!(parsed.starts_with(verb), "{line}: {parsed}");
    }
}

#[test]
fn a_word_that_is_no_verb_is_answered_with_the_verbs() {
    let verbs = "expected serve, check, config, nodes, sockets, rooms, presence, emit, request, kick, drain, \
                 rebalance, healthcheck, token, completions, version or help";
    for (line, words) in [
        (
            "chekc",
            format!("\"chekc\" is no verb: did you mean check? {verbs}"),
        ),
        ("launch", format!("\"launch\" is no verb: {verbs}")),
        ("help launch", "\"launch\" is no verb".to_owned()),
        ("check twice", "unexpected argument 'twice'".to_owned()),
    ] {
        let answer = parse(line).unwrap_err();
        assert!(answer.complaint.contains(&words), "{line}: {answer:?}");
        assert_eq!(answer.exit, Exit::Misconfigured);
    }
}

#[test]
fn no_flag_of_a_verb_is_one_of_a_setting() {
    for flag in usage::own_flags() {
        let is_setting = config::key::keys().any(|key| key.flag() == flag);
        assert!(!is_setting, "{flag} is both");
    }
}

#[test]
fn an_unknown_flag_is_told_the_nearest_one_of_all() {
    for (line, words) in [
        (
            "emit / tick --romo r1",
            "--romo: \"r1\" on the command line: unknown key, did you mean --room?",
        ),
        ("emit --volatle / tick", "did you mean --volatile?"),
        ("rooms --admin-ulr http://a", "did you mean --admin-url?"),
        ("drain --dedline 5s", "did you mean --deadline?"),
        (
            "emit / tick -x",
            "-x: no value on the command line: unknown key, no flag has a name like it; what is no flag follows --",
        ),
        ("rooms --close", "unexpected argument '--close'"),
    ] {
        let answer = match Command::parse(line.split_whitespace().map(OsString::from), []) {
            Ok(command) => command.sources.config().unwrap_err().into(),
            Err(answer) => answer,
        };
        assert!(answer.complaint.contains(words), "{line}: {answer:?}");
        assert_eq!(answer.exit, Exit::Misconfigured);
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_a_node_is_asked() {
    for (line, words) in [
        (
            "emit / news hello",
            "a text has quotes of its own: '\"hello\"'",
        ),
        ("emit chat news", "namespaces start with /, as in /chat"),
        ("emit /", "<EVENT>"),
        ("request / ping --timeout 5", "such as 25s, 500ms or 1m30s"),
        ("sockets --limit many", "invalid value 'many'"),
        ("sockets --limit 0", "0 is not in 1..=1000"),
        ("kick", "<ID>"),
        ("drain --rate 0", "0 is not in 1.."),
        ("drain --end --rate 5", "cannot be used with"),
        ("drain --status --end", "cannot be used with"),
        ("config --defaults --json", "cannot be used with"),
        ("completions tcsh", "[possible values: bash, zsh, fish]"),
    ] {
        let answer = parse(line).unwrap_err();
        assert!(answer.complaint.contains(words), "{line}: {answer:?}");
        assert_eq!(answer.exit, Exit::Misconfigured);
    }
}

#[test]
fn what_a_token_cannot_hold_is_refused_with_an_example() {
    for (line, words) in [
        ("token", "--sub <SUB>"),
        ("token --exp 1h", "--sub <SUB>"),
        ("token --sub", "a value is required for '--sub <SUB>'"),
        (
            "token --sub a --expires-in soon",
            "such as 25s, 500ms or 1m30s",
        ),
        ("token --sub a --claim admin", "such as admin=true"),
        ("token --sub a --claim team=red", "--claim 'team=\"red\"'"),
        ("serve --sub a", "unexpected argument '--sub'"),
    ] {
        let answer = parse(line).unwrap_err();
        assert!(answer.complaint.contains(words), "{line}: {answer:?}");
        assert_eq!(answer.exit, Exit::Misconfigured);
    }
}

#[tokio::test]
async fn serve_hands_a_checked_configuration_to_main() {
    let args = ["--listen", "127.0.0.1:0"].map(OsString::from);
    let command = Command::parse(args, []).unwrap();

    let Ok(Next::Serve(_, reading)) = command.run().await else {
        panic!("did not serve");
    };

    assert_eq!(reading.config().listen, "127.0.0.1:0".parse().unwrap());
}

#[tokio::test]
async fn no_verb_that_needs_settings_runs_with_wrong_ones() {
    for verb in [
        "serve",
        "check",
        "config",
        "healthcheck",
        "token --sub alice",
        "rooms",
        "emit / tick",
        "emit",
    ] {
        let answer = answer(
            &format!("{verb} --lisen x"),
            &[("ROOMCAST_LOG__LEVEL", "loud")],
        )
        .await;

        assert_eq!(answer.exit, Exit::Misconfigured, "{verb}");
        assert_eq!(
            answer.complaint,
            "2 mistakes in the configuration:\n  \
             --lisen: \"x\" on the command line: unknown key, did you mean --listen?\n  \
             log.level: \"loud\" from environment ROOMCAST_LOG__LEVEL: expected error, warn, info, debug or trace\n"
        );
    }
}

#[tokio::test]
async fn the_help_of_every_verb_has_examples_and_says_where_all_flags_are() {
    let command = usage::complete();
    let verbs = command.get_subcommands().map(clap::Command::get_name);
    for verb in verbs.filter(|verb| *verb != "version") {
        let answer = answer(&format!("{verb} --help"), &[]).await;

        assert_eq!(answer.exit, Exit::Clean, "{verb}");
        let examples = answer.text.matches(&format!("roomcast {verb}")).count();
        assert!(examples >= 2, "{}", answer.text);
        assert!(
            answer.text.ends_with("`roomcast help` lists can follow.\n"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn the_overview_stays_one_screen() {
    let answer = answer("-h", &[]).await;

    assert!(
        answer.text.starts_with("A Socket.IO broker"),
        "{}",
        answer.text
    );
    assert!(answer.text.lines().count() <= 45, "{}", answer.text);
    let longest = answer.text.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "{}", answer.text);
}

#[tokio::test]
async fn version_and_help_need_no_valid_configuration() {
    for line in [
        "version",
        "help",
        "--help",
        "-h",
        "help check",
        "check --help",
        "token --help",
        "help emit",
        "completions bash",
    ] {
        let answer = answer(line, &[("ROOMCAST_LOG__LEVEL", "loud")]).await;

        assert_eq!(answer.exit, Exit::Clean, "{line}");
        assert!(answer.text.contains("roomcast"), "{line}: {}", answer.text);
    }
}
