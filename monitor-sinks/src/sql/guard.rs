//! Keeps a statement from doing anything but read, and from reading without end.
//!
//! Three locks are on the door: the connection is opened read-only, SQLite is told to refuse writes (`query_only`), and an
//! authorizer looks at each thing that a statement would do while it is being prepared, so that it is refused by name
//! before any of it is done. What is allowed is a list; what SQLite learns to do tomorrow is refused until it is on it.

use std::sync::Arc;

use rusqlite::{
    Connection,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
};

use super::session::Session;

/// The longest statement, in bytes.
pub(super) const MOST_SQL: i32 = 100_000;

/// What SQLite itself counts. Generous for what people write, and small enough that nothing takes memory or stack in
/// earnest.
const LIMITS: [(Limit, i32); 10] = [
    // Of one value, such as what group_concat() makes. A single instr() can take the square of it, and no clock interrupts
    // that: about a second with this, four with twice as much.
    (Limit::SQLITE_LIMIT_LENGTH, 256 << 10),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, MOST_SQL),
    (Limit::SQLITE_LIMIT_COLUMN, 100),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 50),
    (Limit::SQLITE_LIMIT_VDBE_OP, 250_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 100),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// Nesting as the parser counts it. SQLite has this limit since 3.53.
const PARSER_DEPTH: i32 = 300;

/// Instructions of SQLite between two looks at the clock: some tens of microseconds.
const LOOK_EVERY: i32 = 2_000;

/// Pragmas that tell something and change nothing.
const PRAGMAS: [&str; 5] = ["table_info", "table_xinfo", "table_list", "index_list", "index_info"];

/// Functions that do something else than compute.
const FUNCTIONS: [&str; 3] = ["load_extension", "fts3_tokenizer", "sqlite_log"];

/// Sets limits, clock and authorizer up. Nothing but reading is possible through `connection` afterwards.
pub(super) fn close(connection: &mut Connection, session: &Arc<Session>) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA query_only = ON")?;
    for (limit, most) in LIMITS {
        connection.set_limit(limit, most)?;
    }
    // An older library than the one that is compiled in does not know it.
    let _ = connection.set_limit(Limit::SQLITE_LIMIT_PARSER_DEPTH, PARSER_DEPTH);
    let clock = Arc::clone(session);
    connection.progress_handler(LOOK_EVERY, Some(move || clock.is_overdue()))?;
    let notes = Arc::clone(session);
    connection.authorizer(Some(move |asked: AuthContext<'_>| {
        let Some(what) = refusal(&asked.action) else {
            notes.notes().reads_file |=
                matches!(asked.action, AuthAction::Read { .. }) && asked.database_name != Some("temp");
            return Authorization::Allow;
        };
        notes.notes().refused.get_or_insert(what);
        Authorization::Deny
    }))
}

/// What a message calls `action`, if it is refused.
fn refusal(action: &AuthAction<'_>) -> Option<String> {
    Some(match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => return None,
        AuthAction::Function { function_name } if !contains(&FUNCTIONS, function_name) => return None,
        AuthAction::Pragma { pragma_name, .. } if contains(&PRAGMAS, pragma_name) => return None,
        AuthAction::Function { function_name } => format!("the function {function_name}()"),
        AuthAction::Pragma { pragma_name, .. } => format!("PRAGMA {pragma_name}"),
        AuthAction::Insert { table_name } => format!("INSERT into `{table_name}`"),
        AuthAction::Update { table_name, .. } => format!("UPDATE of `{table_name}`"),
        AuthAction::Delete { table_name } => format!("DELETE from `{table_name}`"),
        AuthAction::AlterTable { table_name, .. } => format!("ALTER TABLE `{table_name}`"),
        AuthAction::Attach { .. } => String::from("ATTACH"),
        AuthAction::Detach { .. } => String::from("DETACH"),
        AuthAction::Reindex { .. } => String::from("REINDEX"),
        AuthAction::Analyze { .. } => String::from("ANALYZE"),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => String::from("a transaction of your own"),
        AuthAction::CreateIndex { .. }
        | AuthAction::CreateTable { .. }
        | AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. }
        | AuthAction::CreateTrigger { .. }
        | AuthAction::CreateView { .. }
        | AuthAction::CreateVtable { .. } => String::from("CREATE"),
        AuthAction::DropIndex { .. }
        | AuthAction::DropTable { .. }
        | AuthAction::DropTempIndex { .. }
        | AuthAction::DropTempTable { .. }
        | AuthAction::DropTempTrigger { .. }
        | AuthAction::DropTempView { .. }
        | AuthAction::DropTrigger { .. }
        | AuthAction::DropView { .. }
        | AuthAction::DropVtable { .. } => String::from("DROP"),
        _ => String::from("this statement"),
    })
}

fn contains(list: &[&str], name: &str) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(name))
}
