//! A store in memory that fails on demand, before or after it did what it was asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;

/// The store.
#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) inner: Arc<InMemory>,
    /// Nothing is done any more: the process is dead.
    dead: AtomicBool,
    /// Of a hundred calls so many fail, and half of those after they were done.
    failing: AtomicU64,
    chance: Mutex<fastrand::Rng>,
    /// The call at which the process dies, counted down; before or after it is done.
    dies: Mutex<Option<(u64, Moment)>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<InMemory>, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            inner,
            dead: AtomicBool::default(),
            failing: AtomicU64::default(),
            chance: Mutex::new(fastrand::Rng::with_seed(seed)),
            dies: Mutex::default(),
        })
    }

    pub(crate) fn fail(&self, percent: u64) {
        self.failing.store(percent, Ordering::Relaxed);
    }

    /// The process dies at the call that many ahead.
    pub(crate) fn die_at(&self, calls: u64, moment: Moment) {
        *self.dies.lock() = Some((calls, moment));
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// When the next call fails, if it does.
    fn fault(&self) -> Result<Option<Moment>> {
        if self.is_dead() {
            return Err(failure());
        }
        if let Some((calls, moment)) = &mut *self.dies.lock() {
            if *calls == 0 {
                self.dead.store(true, Ordering::Relaxed);
                return Ok(Some(*moment));
            }
            *calls -= 1;
        }
        let mut chance = self.chance.lock();
        if chance.u64(0..100) >= self.failing.load(Ordering::Relaxed) {
            return Ok(None);
        }
        Ok(Some(if chance.bool() { Moment::Before } else { Moment::After }))
    }

    async fn call<R>(&self, call: impl Future<Output = Result<R>>) -> Result<R> {
        match self.fault()? {
            None => call.await,
            Some(Moment::Before) => Err(failure()),
            Some(Moment::After) => call.await.and(Err(failure())),
        }
    }
}

fn failure() -> Error {
    Error::Generic { store: "faulty", source: "it failed".into() }
}

impl std::fmt::Display for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, at: &Path, put: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.call(self.inner.put_opts(at, put, options)).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.call(self.inner.put_multipart_opts(at, options)).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.call(self.inner.get_opts(at, options)).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.fault() {
            Ok(None) => self.inner.delete_stream(paths),
            Err(_) | Ok(Some(Moment::Before)) => stream::iter([Err(failure())]).boxed(),
            Ok(Some(Moment::After)) => {
                self.inner.delete_stream(paths).map(|done| done.and(Err(failure()))).boxed()
            }
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.fault() {
            Ok(None) => self.inner.list(prefix),
            Err(_) | Ok(Some(_)) => stream::iter([Err(failure())]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.call(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.call(self.inner.copy_opts(from, to, options)).await
    }
}
