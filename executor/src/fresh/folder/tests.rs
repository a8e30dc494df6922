use super::*;

/// A home with one file of the start.
fn place() -> (tempfile::TempDir, Place) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rc"), "start\n").unwrap();
    let record = Record::of(folder.path()).unwrap();
    let place =
        Place { root: folder.path().to_owned(), aside: ".caisson-aside".to_owned(), record, caches: true };
    fs::write(folder.path().join("rc"), "agent\n").unwrap();
    fs::create_dir(folder.path().join("mine")).unwrap();
    (folder, place)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn assert_put_back(place: &Place) {
    place.put_back().unwrap();
    assert_eq!(names(&place.root), ["mine", "rc"]);
    assert_eq!(fs::read_to_string(place.root.join("rc")).unwrap(), "agent\n");
}

#[test]
fn what_does_not_belong_is_set_aside_and_comes_back() {
    let (_folder, place) = place();
    let mut aside = place.set_aside().unwrap();
    aside.names.sort();
    assert_eq!(aside.names, ["mine", "rc"]);
    assert_eq!(names(&place.root), [".caisson-aside", "rc"]);
    assert_eq!(fs::read_to_string(place.root.join("rc")).unwrap(), "start\n");
    fs::write(place.root.join("mine"), "of a check").unwrap();
    fs::create_dir(place.root.join("check")).unwrap();
    assert_put_back(&place);
    // Once more changes nothing.
    assert_put_back(&place);
}

#[test]
fn a_death_at_any_moment_costs_the_agent_nothing() {
    // Before anything was moved, and between two moves: what is there is the agent's.
    let (_folder, place) = place();
    let folder = place.aside();
    fs::create_dir(&folder).unwrap();
    assert_put_back(&place);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(LIST), b"mine\0rc").unwrap();
    fs::rename(place.root.join("mine"), folder.join("0")).unwrap();
    assert_put_back(&place);
    // Between two moves back.
    place.set_aside().unwrap();
    open(&folder).unwrap();
    fs::remove_file(folder.join(WHOLE)).unwrap();
    let list = fs::read(folder.join(LIST)).unwrap();
    let at = list.split(|byte| *byte == 0).position(|name| name == b"mine").unwrap();
    fs::rename(folder.join(at.to_string()), place.root.join("mine")).unwrap();
    assert_put_back(&place);
}

#[test]
fn a_link_is_no_folder_and_a_mounted_place_is_named_in_octal() {
    assert_eq!(unescaped(br"/a\040b\134"), b"/a b\\");
    assert_eq!(unescaped(br"/plain\x"), br"/plain\x");
    assert!(mounts().contains(&PathBuf::from("/")));
}
