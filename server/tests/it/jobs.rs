//! Jobs: work that is written in one transaction and done after it.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use rowlock::{
    database::Database,
    jobs::{Failure, Handlers, Job, NewJob, Progress, Queue, TooEarly, Workers, enqueue},
};
use rowlock_entities::job;
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder, TransactionTrait};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::{
    sync::{Barrier, Notify, Semaphore},
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::{
    app::{App, serve_args},
    database::Engine,
    faults::start_behind_proxy,
    on_both_engines,
    program::rowlock_command,
    proxy::NetworkFault,
    waiting::wait_until,
};

on_both_engines! {
    a_job_runs_only_if_its_transaction_is_committed
    several_servers_share_jobs_and_run_each_once
    a_job_of_a_server_that_died_is_taken_over_after_its_lease
    a_worker_that_lost_its_lease_does_not_end_the_job_of_another
    a_lease_is_renewed_while_the_handler_runs
    a_job_that_fails_is_tried_later_and_given_up_at_last
    a_job_for_which_it_is_too_early_waits_without_an_attempt
    a_job_whose_attempts_never_end_is_given_up
    a_panic_is_a_failed_attempt
    a_job_that_this_version_can_not_read_fails_without_quoting_it
    long_work_is_done_in_parts_that_are_no_attempts
    a_job_says_where_its_next_part_goes_on
    one_job_of_an_exclusive_kind_runs_at_a_time_on_all_servers
    one_kind_of_jobs_does_not_keep_another_waiting
    workers_that_stop_end_what_they_began_and_begin_nothing
    an_attempt_that_is_too_slow_for_a_stop_is_given_back
    a_discarded_job_stops
    workers_that_are_woken_do_not_wait_for_the_next_look
    jobs_that_could_not_be_read_are_refused
    operators_list_retry_and_discard_jobs
    jobs_are_counted_at_metrics
}

const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
struct Letter {
    text: String,
}

impl Job for Letter {
    const KIND: &'static str = "letter";
}

#[derive(Serialize, Deserialize)]
struct Parcel;

impl Job for Parcel {
    const KIND: &'static str = "parcel";
}

#[derive(Serialize, Deserialize)]
struct Piano;

impl Job for Piano {
    const KIND: &'static str = "piano";
    const IS_EXCLUSIVE: bool = true;
}

/// The workers of one server. Dropping them is as if the server was killed.
struct Server {
    workers: Workers,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts workers with connections of their own.
    async fn start(app: &App, handlers: Handlers) -> Self {
        let args = serve_args(&app.database_url, &[]);
        let queue = Queue::new(Database::open(&args.database).await.unwrap());
        Self::start_on(app, &queue, handlers)
    }

    /// Starts workers that the queue can wake.
    fn start_on(app: &App, queue: &Queue, handlers: Handlers) -> Self {
        let workers = Workers::new(queue, handlers, &app.services.metrics);
        let task = tokio::spawn(workers.clone().run());
        Self { workers, task }
    }

    /// Kills the server in the middle of its attempts.
    async fn kill(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The texts of the letters that handlers have seen.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn add(&self, letter: Letter) {
        self.0.lock().push(letter.text);
    }

    fn count(&self) -> usize {
        self.0.lock().len()
    }

    async fn wait_for(&self, count: usize) {
        wait_until(TIMEOUT, &format!("{count} letters were seen"), async || self.count() >= count)
            .await;
    }
}

/// Handlers that do what `outcome` says, after they have noted the letter.
fn letters<F>(seen: &Seen, outcome: impl Fn() -> F + Send + Sync + 'static) -> Handlers
where
    F: Future<Output = Result<Progress, Failure>> + Send + 'static,
{
    let seen = seen.clone();
    Handlers::default().with(move |letter: Letter| {
        seen.add(letter);
        outcome()
    })
}

fn letter(text: &str) -> NewJob {
    NewJob::new(&Letter { text: text.to_owned() }).unwrap()
}

async fn enqueue_letters(app: &App, texts: &[&str]) {
    let tx = app.services.db.begin().await.unwrap();
    enqueue(&tx, texts.iter().map(|text| letter(text)).collect()).await.unwrap();
    tx.commit().await.unwrap();
}

/// Lets a job be written and done.
pub(crate) async fn send_a_letter(app: &App) {
    let handlers = letters(&Seen::default(), async || Ok(Progress::Done));
    let _server = Server::start(app, handlers).await;
    enqueue_letters(app, &["one"]).await;
    wait_until(TIMEOUT, "the letter is counted", async || attempts(app, "done").await == 1).await;
}

async fn jobs(app: &App) -> Vec<job::Model> {
    job::Entity::find().order_by_asc(job::Column::Id).all(app.db()).await.unwrap()
}

/// The only job.
async fn only_job(app: &App) -> job::Model {
    let mut jobs = jobs(app).await;
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    jobs.remove(0)
}

async fn wait_until_no_job_is_left(app: &App) {
    wait_until(TIMEOUT, "no job is left", async || jobs(app).await.is_empty()).await;
}

/// Number of attempts at letters with this outcome.
async fn attempts(app: &App, outcome: &str) -> u32 {
    let start = format!("rowlock_jobs_total{{kind=\"letter\",outcome=\"{outcome}\"}} ");
    let metrics = app.metrics().await;
    let count = metrics.lines().find_map(|line| line.strip_prefix(&start));
    count.map_or(0, |count| count.parse().unwrap())
}

/// Lets all pauses and leases be over.
async fn make_due(app: &App) {
    app.execute_sql("UPDATE jobs SET run_at = created_at").await;
}

async fn a_job_runs_only_if_its_transaction_is_committed(app: App) {
    let seen = Seen::default();
    let _server = Server::start(&app, letters(&seen, async || Ok(Progress::Done))).await;
    let tx = app.services.db.begin().await.unwrap();
    enqueue(&tx, vec![letter("rolled back")]).await.unwrap();
    tx.rollback().await.unwrap();
    enqueue_letters(&app, &["one", "two"]).await;
    wait_until_no_job_is_left(&app).await;
    let mut texts = seen.0.lock().clone();
    texts.sort_unstable();
    assert_eq!(texts, ["one", "two"]);
}

async fn several_servers_share_jobs_and_run_each_once(app: App) {
    let texts: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    enqueue_letters(&app, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let seen = Seen::default();
    // A server runs four jobs of one kind at the same time, so eight are met only if both take some.
    let eight = Arc::new(Barrier::new(8));
    let mut servers = Vec::new();
    let most = Arc::new(AtomicU32::new(0));
    for _ in 0..2 {
        let (eight, running, most) =
            (Arc::clone(&eight), Arc::new(AtomicU32::new(0)), Arc::clone(&most));
        let handlers = letters(&seen, move || {
            let (eight, running) = (Arc::clone(&eight), Arc::clone(&running));
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            async move {
                eight.wait().await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(Progress::Done)
            }
        });
        servers.push(Server::start(&app, handlers).await);
    }
    wait_until_no_job_is_left(&app).await;
    let mut counts = BTreeMap::new();
    for text in seen.0.lock().iter() {
        *counts.entry(text.clone()).or_insert(0) += 1;
    }
    assert_eq!(counts, texts.into_iter().map(|text| (text, 1)).collect());
    assert_eq!(most.load(Ordering::SeqCst), 4, "no server runs more than four");
}

async fn a_job_of_a_server_that_died_is_taken_over_after_its_lease(app: App) {
    let (seen_by_first, seen_by_second) = (Seen::default(), Seen::default());
    enqueue_letters(&app, &["one"]).await;
    let first = Server::start(&app, letters(&seen_by_first, pending)).await;
    seen_by_first.wait_for(1).await;
    first.kill().await;
    let left = only_job(&app).await;
    assert!(left.lease_id.is_some());
    let lease = left.run_at - left.created_at;
    assert!(lease >= chrono::Duration::seconds(30), "{lease}");

    let handlers = letters(&seen_by_second, async || Ok(Progress::Done));
    let second = Server::start(&app, handlers).await;
    // The second server is at work, and leaves the job alone.
    enqueue_letters(&app, &["two"]).await;
    seen_by_second.wait_for(1).await;
    assert_eq!(*seen_by_second.0.lock(), ["two"]);
    make_due(&app).await;
    wait_until_no_job_is_left(&app).await;
    assert_eq!(*seen_by_second.0.lock(), ["two", "one"]);
    drop(second);
}

async fn a_worker_that_lost_its_lease_does_not_end_the_job_of_another(app: App) {
    let (seen, let_go) = (Seen::default(), [Arc::new(Notify::new()), Arc::new(Notify::new())]);
    enqueue_letters(&app, &["one"]).await;
    let mut servers = Vec::new();
    for (index, let_go) in let_go.iter().enumerate() {
        let let_go = Arc::clone(let_go);
        let handlers = letters(&seen, move || {
            let let_go = Arc::clone(&let_go);
            async move {
                let_go.notified().await;
                Ok(Progress::Done)
            }
        });
        servers.push(Server::start(&app, handlers).await);
        seen.wait_for(index + 1).await;
        if index == 0 {
            make_due(&app).await;
        }
    }
    let lease = only_job(&app).await.lease_id;
    let_go[0].notify_one();
    wait_until(TIMEOUT, "the first server notices", async || attempts(&app, "lost").await == 1)
        .await;
    assert_eq!(only_job(&app).await.lease_id, lease);
    let_go[1].notify_one();
    wait_until_no_job_is_left(&app).await;
    assert_eq!(seen.count(), 2);
}

async fn a_lease_is_renewed_while_the_handler_runs(app: App) {
    let seen = Seen::default();
    enqueue_letters(&app, &["one"]).await;
    let _server = Server::start(&app, letters(&seen, pending)).await;
    seen.wait_for(1).await;
    let begun = only_job(&app).await;
    wait_until(TIMEOUT, "the lease is renewed", async || {
        only_job(&app).await.run_at > begun.run_at
    })
    .await;
    let renewed = only_job(&app).await;
    assert_eq!((renewed.lease_id, renewed.attempts), (begun.lease_id, 1));
}

async fn a_job_that_fails_is_tried_later_and_given_up_at_last(app: App) {
    let seen = Seen::default();
    enqueue_letters(&app, &["one"]).await;
    let fails = letters(&seen, async || Err("the post office\nis closed".into()));
    let _server = Server::start(&app, fails).await;
    let failed = async |attempts: i32| {
        wait_until(TIMEOUT, &format!("attempt {attempts} failed"), async || {
            let job = only_job(&app).await;
            job.attempts == attempts && job.lease_id.is_none()
        })
        .await;
        only_job(&app).await
    };
    let job = failed(1).await;
    assert_eq!(job.last_error.as_deref(), Some("the post office is closed"));
    // The third pause is between two and four seconds.
    failed(2).await;
    let third = failed(3).await;
    assert!(third.run_at - third.created_at > chrono::Duration::milliseconds(3_500), "{third:?}");
    app.execute_sql("UPDATE jobs SET attempts = 19, run_at = created_at").await;
    wait_until(TIMEOUT, "the job is dead", async || only_job(&app).await.died_at.is_some()).await;
    let dead = only_job(&app).await;
    assert_eq!((dead.attempts, dead.lease_id), (20, None));
    assert_eq!(attempts(&app, "failed").await, 3);
    assert_eq!(attempts(&app, "given_up").await, 1);
    assert_eq!(seen.count(), 4);
    // Nobody takes it, although its time has come.
    make_due(&app).await;
    enqueue_letters(&app, &["two"]).await;
    seen.wait_for(5).await;
    assert_eq!(seen.0.lock().last().map(String::as_str), Some("two"));
    assert_eq!(jobs(&app).await[0].died_at, dead.died_at);
}

async fn a_job_for_which_it_is_too_early_waits_without_an_attempt(app: App) {
    let seen = Seen::default();
    enqueue_letters(&app, &["one"]).await;
    app.execute_sql("UPDATE jobs SET attempts = 19").await;
    let pause = Duration::from_secs(60);
    let defers =
        move || async move { Err(TooEarly { reason: "it is Sunday".to_owned(), pause }.into()) };
    let _server = Server::start(&app, letters(&seen, defers)).await;
    for times in 1..=3 {
        seen.wait_for(times).await;
        wait_until(TIMEOUT, "the job waits", async || {
            let job = only_job(&app).await;
            job.lease_id.is_none() && job.run_at - job.created_at > chrono::Duration::seconds(30)
        })
        .await;
        let job = only_job(&app).await;
        assert_eq!((job.attempts, job.died_at), (19, None));
        assert_eq!(job.last_error.as_deref(), Some("it is Sunday"));
        make_due(&app).await;
    }
    assert_eq!(attempts(&app, "failed").await, 0);
}

async fn a_job_whose_attempts_never_end_is_given_up(app: App) {
    // It kills its server each time, so no attempt ever fails.
    let seen = Seen::default();
    enqueue_letters(&app, &["one"]).await;
    app.execute_sql("UPDATE jobs SET attempts = 20").await;
    let _server = Server::start(&app, letters(&seen, async || Ok(Progress::Done))).await;
    wait_until(TIMEOUT, "the job is dead", async || only_job(&app).await.died_at.is_some()).await;
    assert_eq!(seen.count(), 0);
    assert!(only_job(&app).await.last_error.unwrap().contains("did not end"));
}

async fn a_panic_is_a_failed_attempt(app: App) {
    let seen = Seen::default();
    enqueue_letters(&app, &["one"]).await;
    let runs = AtomicU32::new(0);
    let handlers = letters(&seen, move || {
        let is_first = runs.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            assert!(!is_first, "as expected");
            Ok(Progress::Done)
        }
    });
    let _server = Server::start(&app, handlers).await;
    wait_until(TIMEOUT, "the panic is counted", async || attempts(&app, "failed").await == 1).await;
    wait_until_no_job_is_left(&app).await;
    assert_eq!(seen.count(), 2);
    assert_eq!(attempts(&app, "done").await, 1);
}

async fn a_job_that_this_version_can_not_read_fails_without_quoting_it(app: App) {
    let seen = Seen::default();
    enqueue_letters(&app, &["one"]).await;
    app.execute_sql("UPDATE jobs SET payload = '{\"text\": 7, \"to\": \"ann@example.test\"}'")
        .await;
    let _server = Server::start(&app, letters(&seen, async || Ok(Progress::Done))).await;
    wait_until(TIMEOUT, "the job failed", async || only_job(&app).await.last_error.is_some()).await;
    let error = only_job(&app).await.last_error.unwrap();
    assert_eq!(error, "this version can't read what the job says");
    assert_eq!(seen.count(), 0);
}

async fn long_work_is_done_in_parts_that_are_no_attempts(app: App) {
    let seen = Seen::default();
    enqueue_letters(&app, &["one"]).await;
    // More parts than a job has attempts, with a failure and a killed server in between.
    const PARTS: u32 = 30;
    let part = Arc::new(AtomicU32::new(0));
    let handlers = || {
        let part = Arc::clone(&part);
        letters(&seen, move || {
            let number = part.fetch_add(1, Ordering::SeqCst) + 1;
            async move {
                match number {
                    10 => Err("the tenth part failed".into()),
                    20 => pending().await,
                    PARTS.. => Ok(Progress::Done),
                    _ => Progress::rest(&Letter { text: "one".to_owned() }),
                }
            }
        })
    };
    let first = Server::start(&app, handlers()).await;
    seen.wait_for(20).await;
    assert_eq!(only_job(&app).await.attempts, 1);
    assert_eq!(attempts(&app, "continued").await, 18);
    first.kill().await;
    make_due(&app).await;
    let _second = Server::start(&app, handlers()).await;
    wait_until_no_job_is_left(&app).await;
    assert_eq!(seen.count(), PARTS as usize);
}

async fn a_job_says_where_its_next_part_goes_on(app: App) {
    let seen = Seen::default();
    enqueue_letters(&app, &["one"]).await;
    let handlers = {
        let seen = seen.clone();
        Handlers::default().with(move |letter: Letter| {
            let (text, number) = (letter.text.clone(), seen.count());
            seen.add(letter);
            async move {
                match number {
                    0..2 => Progress::rest(&Letter { text: format!("{text} and on") }),
                    2 => Progress::rest(&Letter { text }),
                    _ => Ok(Progress::Done),
                }
            }
        })
    };
    let _server = Server::start(&app, handlers).await;
    wait_until_no_job_is_left(&app).await;
    let texts = ["one", "one and on", "one and on and on", "one and on and on"];
    assert_eq!(*seen.0.lock(), texts);
}

async fn one_job_of_an_exclusive_kind_runs_at_a_time_on_all_servers(app: App) {
    let tx = app.services.db.begin().await.unwrap();
    let pianos = (0..6).map(|_| NewJob::new(&Piano).unwrap());
    enqueue(&tx, pianos.collect()).await.unwrap();
    tx.commit().await.unwrap();
    enqueue_letters(&app, &["beside them"; 6]).await;
    let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let letters_done = Arc::new(Semaphore::new(0));
    let mut servers = Vec::new();
    for _ in 0..3 {
        let (done, awaited) = (Arc::clone(&letters_done), Arc::clone(&letters_done));
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        let handlers = letters(&Seen::default(), move || {
            done.add_permits(1);
            async { Ok(Progress::Done) }
        });
        let handlers = handlers.with(move |_: Piano| {
            let (awaited, running) = (Arc::clone(&awaited), Arc::clone(&running));
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            async move {
                // Other kinds go on meanwhile, on every server.
                awaited.acquire_many(6).await.map(drop)?;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(Progress::Done)
            }
        });
        servers.push(Server::start(&app, handlers).await);
    }
    wait_until_no_job_is_left(&app).await;
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

async fn one_kind_of_jobs_does_not_keep_another_waiting(app: App) {
    let (seen, parcels) = (Seen::default(), Arc::new(AtomicU32::new(0)));
    enqueue_letters(&app, &["x"; 200]).await;
    let tx = app.services.db.begin().await.unwrap();
    enqueue(&tx, vec![NewJob::new(&Parcel).unwrap()]).await.unwrap();
    tx.commit().await.unwrap();
    let counted = Arc::clone(&parcels);
    let handlers = letters(&seen, async || Ok(Progress::Done)).with(move |_: Parcel| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok(Progress::Done) }
    });
    let _server = Server::start(&app, handlers).await;
    wait_until(TIMEOUT, "the parcel is sent", async || parcels.load(Ordering::SeqCst) == 1).await;
    assert!(seen.count() < 100, "{} letters were sent before it", seen.count());
}

async fn workers_that_stop_end_what_they_began_and_begin_nothing(app: App) {
    let (seen, let_go) = (Seen::default(), Arc::new(Notify::new()));
    enqueue_letters(&app, &["x"; 10]).await;
    let gate = Arc::clone(&let_go);
    let handlers = letters(&seen, move || {
        let gate = Arc::clone(&gate);
        async move {
            gate.notified().await;
            Ok(Progress::Done)
        }
    });
    let server = Server::start(&app, handlers).await;
    seen.wait_for(4).await;
    server.workers.stop();
    let_go.notify_waiters();
    server.workers.stopped_within(TIMEOUT).await;
    let left = jobs(&app).await;
    assert_eq!((left.len(), seen.count()), (6, 4));
    assert!(left.iter().all(|job| job.lease_id.is_none() && job.attempts == 0), "{left:?}");
}

async fn an_attempt_that_is_too_slow_for_a_stop_is_given_back(app: App) {
    let seen = Seen::default();
    enqueue_letters(&app, &["one"]).await;
    let server = Server::start(&app, letters(&seen, pending)).await;
    seen.wait_for(1).await;
    server.workers.stop();
    server.workers.stopped_within(Duration::from_millis(10)).await;
    let job = only_job(&app).await;
    assert_eq!((job.lease_id, job.attempts), (None, 0));
    // Another server need not wait for the lease.
    let handlers = letters(&seen, async || Ok(Progress::Done));
    let _other = Server::start(&app, handlers).await;
    wait_until_no_job_is_left(&app).await;
}

async fn a_discarded_job_stops(app: App) {
    let seen = Seen::default();
    enqueue_letters(&app, &["one"]).await;
    let _server = Server::start(&app, letters(&seen, pending)).await;
    seen.wait_for(1).await;
    app.execute_sql("DELETE FROM jobs").await;
    wait_until(TIMEOUT, "the worker notices", async || attempts(&app, "lost").await == 1).await;
}

async fn workers_that_are_woken_do_not_wait_for_the_next_look(app: App) {
    let seen = Seen::default();
    let handlers = letters(&seen, async || Ok(Progress::Done));
    // The app's own workers would take some of the calls.
    let queue = Queue::new(app.services.db.clone());
    let _server = Server::start_on(&app, &queue, handlers);
    let begun = Instant::now();
    for _ in 0..20 {
        enqueue_letters(&app, &["x"]).await;
        queue.wake_workers();
        wait_until_no_job_is_left(&app).await;
    }
    assert_eq!(seen.count(), 20);
    // A worker looks by itself after a second.
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

async fn jobs_that_could_not_be_read_are_refused(app: App) {
    enqueue_letters(&app, &["one"]).await;
    let long = "x".repeat(16_385);
    let (long_payload, long_error) =
        (format!("payload = '{long}'"), format!("last_error = '{}'", &long[..1_001]));
    let long_kind = format!("kind = '{}'", &long[..101]);
    let mut refused = vec![
        long_payload.as_str(),
        &long_error,
        &long_kind,
        "kind = ''",
        "attempts = -1",
        "attempts = 2147483648",
        "run_at = NULL",
        "run_at = '10000-01-01 00:00:00+00:00'",
        "died_at = run_at, lease_id = id",
    ];
    refused.extend(match app.engine() {
        Engine::Postgres => ["run_at = 'infinity'", "died_at = '-infinity'"].to_vec(),
        Engine::Sqlite => [
            "id = 'text'",
            "kind = X'41'",
            "kind = 'a' || char(0)",
            "payload = X'41'",
            "attempts = 'many'",
            "lease_id = 'text'",
            "last_error = X'41'",
            "run_at = 'soon'",
            "run_at = 'now'",
            "run_at = 7",
            "run_at = '2027-01-01T10:00:00Z'",
            "run_at = '2027-02-30T10:00:00.000+00:00'",
            "run_at = '2027-02-03 10:00:00.000+00:00'",
            "created_at = ''",
            "died_at = ''",
        ]
        .to_vec(),
    });
    for set in refused {
        let sql = format!("UPDATE jobs SET {set}");
        assert!(app.db().execute_unprepared(&sql).await.is_err(), "{sql:.100}");
    }
    let tx = app.db().begin().await.unwrap();
    assert!(enqueue(&tx, vec![letter(&long)]).await.is_err());
    tx.rollback().await.unwrap();
    assert_eq!(only_job(&app).await.payload, "{\"text\":\"one\"}");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_go_on_when_the_database_is_back() {
    let (app, proxy) = start_behind_proxy(true, &[]).await;
    let seen = Seen::default();
    let handlers = letters(&seen, async || Ok(Progress::Done));
    let _server = Server::start_on(&app, &Queue::new(app.services.db.clone()), handlers);
    enqueue_letters(&app, &["one"]).await;
    seen.wait_for(1).await;
    proxy.set_open(false);
    wait_until(TIMEOUT, "the server is unready", async || {
        !app.get("/readyz").send().await.unwrap().status().is_success()
    })
    .await;
    proxy.set_open(true);
    wait_until(TIMEOUT, "the server is ready", async || {
        app.get("/readyz").send().await.unwrap().status().is_success()
    })
    .await;
    enqueue_letters(&app, &["two"]).await;
    seen.wait_for(2).await;
    wait_until_no_job_is_left(&app).await;
}

/// Runs `rowlock jobs` with these arguments; returns whether it succeeded, and all that it printed.
fn rowlock_jobs(app: &App, args: &[&str]) -> (bool, String) {
    let folder = TempDir::new().unwrap();
    let mut command = rowlock_command(folder.path());
    let command = command.arg("jobs").args(args).env("DATABASE_URL", &app.database_url);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout) + &text(output.stderr))
}

async fn operators_list_retry_and_discard_jobs(app: App) {
    assert!(rowlock_jobs(&app, &["list"]).1.ends_with("jobs: 0\n"));
    enqueue_letters(&app, &["dead", "running", "waiting", "lease is over"]).await;
    let ids: Vec<String> = jobs(&app).await.iter().map(|job| job.id.to_string()).collect();
    let lease = match app.engine() {
        Engine::Sqlite => "randomblob(16)",
        Engine::Postgres => "gen_random_uuid()",
    };
    for (text, set) in [
        ("dead", "died_at = run_at, attempts = 20, last_error = 'the post office is closed'"),
        ("running", &format!("lease_id = {lease}, run_at = '2100-01-01T10:00:00.000+00:00'")),
        ("waiting", "run_at = '2101-02-03T10:00:00.000+00:00', attempts = 2"),
        ("lease is over", &format!("lease_id = {lease}, attempts = 1")),
    ] {
        app.execute_sql(&format!("UPDATE jobs SET {set} WHERE payload LIKE '%{text}%'")).await;
    }
    let list = |args: &[&str]| {
        let (succeeded, listed) = rowlock_jobs(&app, &[&["list"], args].concat());
        assert!(succeeded, "{listed}");
        // Without the heading and the number of jobs.
        let lines: Vec<&str> = listed.lines().collect();
        let words = |line: &&str| line.split_whitespace().map(str::to_owned).collect();
        lines[1..lines.len() - 1].iter().map(words).collect::<Vec<Vec<String>>>()
    };
    let all = list(&[]);
    let states: Vec<&str> = all.iter().map(|words| words[2].as_str()).collect();
    assert_eq!(states, ["dead", "running", "waiting", "waiting"]);
    assert_eq!(all[0][3..].join(" "), "20 the post office is closed");
    assert_eq!(all[2], [&ids[2], "letter", "waiting", "2", "2101-02-03T10:00:00Z"]);
    assert_eq!(list(&["--state", "dead"]), all[..1]);
    assert_eq!(list(&["--state", "running"]), all[1..2]);
    assert_eq!(list(&["--state", "waiting"]), all[2..]);
    assert_eq!(list(&["--limit", "2"]), all[..2]);

    let (succeeded, told) = rowlock_jobs(&app, &["retry", &ids[1]]);
    assert!(!succeeded && told.ends_with("is not retried: it is running\n"), "{told}");
    let unknown = "01990000-0000-7000-8000-000000000000";
    for command in ["retry", "discard"] {
        let (succeeded, told) = rowlock_jobs(&app, &[command, unknown]);
        assert!(!succeeded && told.contains("may be done"), "{told}");
        for wrong in [&[command, "seven"][..], &[command]] {
            let (succeeded, told) = rowlock_jobs(&app, wrong);
            assert!(!succeeded && told.lines().count() == 1, "{told}");
        }
    }
    let (succeeded, told) = rowlock_jobs(&app, &["retry", &ids[0], "--all-dead"]);
    assert!(!succeeded && told.lines().count() == 1, "{told}");

    assert!(rowlock_jobs(&app, &["retry", &ids[2]]).0);
    assert_eq!(rowlock_jobs(&app, &["retry", "--all-dead"]).1, "jobs that are due now: 1\n");
    assert!(rowlock_jobs(&app, &["discard", &ids[1]]).0);
    assert_eq!(jobs(&app).await.len(), 3);
    enqueue_letters(&app, &["dead again", "dead, too"]).await;
    app.execute_sql("UPDATE jobs SET died_at = run_at WHERE payload LIKE '%dead%'").await;
    app.execute_sql("UPDATE jobs SET kind = 'parcel' WHERE payload LIKE '%dead, too%'").await;
    assert!(rowlock_jobs(&app, &["retry", &ids[0]]).0);
    for (args, told) in [
        (
            &["discard", "--all-dead", "--kind", "postcard"][..],
            "jobs that are discarded: 0; those that were given up have the kinds letter, parcel\n",
        ),
        (&["discard", "--all-dead", "--kind", "parcel"], "jobs that are discarded: 1\n"),
        (&["discard", "--all-dead"], "jobs that are discarded: 1\n"),
    ] {
        assert_eq!(rowlock_jobs(&app, args).1, told, "{args:?}");
    }
    for wrong in [&["discard", &ids[0], "--all-dead"][..], &["discard", "--kind", "letter"]] {
        let (succeeded, told) = rowlock_jobs(&app, wrong);
        assert!(!succeeded && told.lines().count() == 1, "{told}");
    }
    // What was retried runs; so does the job whose lease is over.
    let seen = Seen::default();
    let _server = Server::start(&app, letters(&seen, async || Ok(Progress::Done))).await;
    wait_until_no_job_is_left(&app).await;
    let mut texts = seen.0.lock().clone();
    texts.sort_unstable();
    assert_eq!(texts, ["dead", "lease is over", "waiting"]);
}

async fn jobs_are_counted_at_metrics(app: App) {
    enqueue_letters(&app, &["one", "two", "three"]).await;
    let minutes_ago = match app.engine() {
        Engine::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f', 'now', '-300 seconds') || '+00:00'",
        Engine::Postgres => "now() - interval '300 seconds'",
    };
    app.execute_sql(&format!("UPDATE jobs SET run_at = {minutes_ago}")).await;
    app.execute_sql("UPDATE jobs SET died_at = run_at WHERE payload LIKE '%two%'").await;
    // These workers know the kind, and have not begun to run. The server's own, which don't know it,
    // count every few seconds, too, and would hide each count soon after it.
    let workers =
        Workers::new(&app.services.jobs, letters(&Seen::default(), pending), &app.services.metrics);
    let counting = tokio::spawn(async move {
        loop {
            let _ = timeout(Duration::from_millis(100), workers.clone().count_jobs()).await;
        }
    });
    let level = async |name: &str| {
        let metrics = app.metrics().await;
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        line.trim().parse::<f64>().unwrap()
    };
    wait_until(TIMEOUT, "the oldest job is seen", async || {
        (299.0..400.0).contains(&level("rowlock_jobs_oldest_due_seconds").await)
    })
    .await;
    assert_eq!(level("rowlock_jobs_to_do ").await, 2.0);
    assert_eq!(level("rowlock_jobs_dead ").await, 1.0);
    counting.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_end_is_stored_without_an_answer_is_done() {
    let (app, proxy) = start_behind_proxy(true, &[]).await;
    let (seen, let_go) = (Seen::default(), Arc::new(Notify::new()));
    let gate = Arc::clone(&let_go);
    let handlers = letters(&seen, move || {
        let gate = Arc::clone(&gate);
        async move {
            gate.notified().await;
            Ok(Progress::Done)
        }
    });
    let _server = Server::start(&app, handlers).await;
    enqueue_letters(&app, &["one"]).await;
    seen.wait_for(1).await;
    // The next statement about the job ends it. PostgreSQL gets it, and the answer is lost.
    let id: &'static [u8] = Box::leak(Box::new(only_job(&app).await.id.0.into_bytes()));
    proxy.set_fault(NetworkFault::CutOnce(id));
    let_go.notify_one();
    wait_until(TIMEOUT, "the attempt is counted", async || {
        attempts(&app, "done").await + attempts(&app, "lost").await == 1
    })
    .await;
    assert_eq!(proxy.fault(), NetworkFault::None, "the connection was cut");
    assert_eq!(attempts(&app, "done").await, 1);
    assert_eq!((jobs(&app).await.len(), seen.count()), (0, 1));
}
