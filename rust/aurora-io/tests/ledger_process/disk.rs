//! A full disk and a read-only one, as the system has them.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use aurora_core::execution::{ClientId, LedgerKind, LedgerStore, LedgerWriter};
use aurora_io::{read_ledger, RedbLedger};

/// Where the file may not grow any more.
const LIMIT: &str = "3000000";

/// The process with the full disk: writes until that is refused, waits for room, and sends the same again.
pub fn fill(path: &Path, anew: bool) -> Result<(), Box<dyn std::error::Error>> {
    let mut ledger = RedbLedger::open(path)?;
    let mut writer = LedgerWriter::resume(&ledger)?;
    let text = "x".repeat(2_000);
    let mut asked = false;
    for number in 0..600i64 {
        let rows = [writer.note(LedgerKind::Operator, ClientId::NONE, number, &text)?];
        if let Err(error) = ledger.append_batch(&rows) {
            let again = ledger.append_batch(&rows);
            println!("refused after {number}: {error}; again: {}", again.is_err());
            std::io::stdin().lock().read_line(&mut String::new())?;
            if anew {
                drop(ledger);
                ledger = RedbLedger::open(path)?;
            }
            ledger.append_batch(&rows)?;
            asked = true;
        }
    }
    println!("{} rows, refused: {asked}", ledger.verify()?);
    Ok(())
}

/// # Errors
/// What is missing on this system for such a test.
pub fn full(folder: &Path, launcher: &[String]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for mode in ["--fill", "--fill-anew"] {
        let path = folder.join(format!("full{mode}.redb"));
        // A limit on the size of files stands for the disk; the signal that comes with it is ignored.
        let mut process = Command::new("prlimit")
            .arg(format!("--fsize={LIMIT}:unlimited"))
            .args(["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"])
            .args(launcher)
            .arg(mode)
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("prlimit: {error}"))?;
        let mut words = BufReader::new(process.stdout.take().ok_or("no pipe")?);
        let mut refused = String::new();
        words.read_line(&mut refused).map_err(|e| e.to_string())?;
        print!("full disk: {refused}");
        let raised = Command::new("prlimit")
            .args(["--pid", &process.id().to_string(), "--fsize=unlimited"])
            .status();
        let mut orders = process.stdin.take().ok_or("no pipe")?;
        let _ = orders.write_all(b"go\n");
        let mut rest = String::new();
        words.read_to_string(&mut rest).map_err(|e| e.to_string())?;
        let status = process.wait().map_err(|e| e.to_string())?;
        let told = refused.starts_with("refused after ") && refused.contains("again: true");
        if !(status.success() && told && rest == "600 rows, refused: true\n") {
            found.push(format!("{mode}: {status}, {raised:?}: {refused}{rest}"));
        }
        if read_ledger(&path).map(|reading| reading.rows.len()) != Ok(600) {
            found.push(format!("{mode}: not 600 rows"));
        }
    }
    Ok(found)
}

/// What opening a ledger answers, in one line.
pub fn open(path: &Path) {
    match RedbLedger::open(path) {
        Ok(ledger) => println!("{} rows", ledger.next_sequence()),
        Err(error) => println!("{error}"),
    }
    match read_ledger(path) {
        Ok(reading) => println!("{} rows read", reading.rows.len()),
        Err(error) => println!("{error}"),
    }
}

/// # Errors
/// Why nothing can be made read-only here.
pub fn read_only(folder: &Path, launcher: &[String]) -> Result<Vec<String>, String> {
    let mount = folder.join("read_only");
    std::fs::create_dir(&mount).map_err(|e| e.to_string())?;
    let path = mount.join("ledger.redb");
    let mut ledger = RedbLedger::open(&path).map_err(|e| e.to_string())?;
    let mut writer = LedgerWriter::default();
    let row = writer.note(LedgerKind::Operator, ClientId::NONE, 1, &7u8);
    let row = row.map_err(|e| e.to_string())?;
    ledger.append(&row).map_err(|e| e.to_string())?;
    drop(ledger);
    let set = |path: &Path, value: bool| {
        let mut permissions = std::fs::metadata(path)?.permissions();
        permissions.set_readonly(value);
        std::fs::set_permissions(path, permissions)
    };
    for place in [&path, &mount] {
        set(place, true).map_err(|e| e.to_string())?;
    }
    // Permissions do not bind root; a read-only mount that only the process sees does.
    let binds = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .is_err();
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && exec \"$@\"";
    let mut command = if binds {
        let mut command = Command::new(&launcher[0]);
        command.args(&launcher[1..]);
        command
    } else {
        let mut command = Command::new("unshare");
        command
            .args(["-m", "sh", "-c", script])
            .arg(&mount)
            .args(launcher);
        command
    };
    let answer = command.arg("--open").arg(&path).output();
    let nothing = mount.join("new.redb");
    let other = if binds {
        Some(RedbLedger::open(&nothing))
    } else {
        None
    };
    for place in [&mount, &path] {
        set(place, false).map_err(|e| e.to_string())?;
    }
    let answer = answer.map_err(|e| e.to_string())?;
    if !answer.status.success() {
        return Err(String::from_utf8_lossy(&answer.stderr).into_owned());
    }
    let mut found = Vec::new();
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    print!("read-only: {text}");
    let lines: Vec<&str> = text.lines().collect();
    let refused = lines.first().is_some_and(|line| {
        line.contains("ledger.redb") && (line.contains("ermission") || line.contains("ead-only"))
    });
    if !refused || lines.get(1) != Some(&"1 rows read") {
        found.push(text);
    }
    if other.is_some_and(|opened| opened.is_ok()) {
        found.push("a ledger was made in a read-only folder".to_string());
    }
    Ok(found)
}
