package durable

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"github.com/daypass-dev/daypass/schedule"
)

// lead is the time during which this process leads one directory.
type lead struct {
	ctx  context.Context // ends with it
	work func(context.Context, Errand) error
	over chan struct{} // closed when another may begin

	mu       sync.Mutex
	busy     map[string]bool // which errands are being worked, by their key
	failures map[string]int  // in a row
}

// Lead calls work for the errands of a directory until ctx or Run ends, and
// returns when no call of it runs any more. Whoever calls it holds the lease on
// the directory: no other process leads it at the same time. In this process, a
// second call waits for the first to return. No error of the database ends it.
//
// The context of work ends with ctx. Several errands may be worked at once, but
// never two that ask for the same. An errand for which work returns an error is
// tried again after a second, and then after longer, up to a minute, until work
// returns none. What is not over when the lead is goes on with the next.
func (j *Jobs) Lead(ctx context.Context, directory string, work func(context.Context, Errand) error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(j.running, cancel)()
	select {
	case <-j.started:
	case <-ctx.Done():
		return
	}
	l := &lead{ctx: ctx, work: work, over: make(chan struct{}), busy: map[string]bool{}, failures: map[string]int{}}
	if !j.begin(directory, l) {
		return
	}
	defer j.end(directory, l)
	defer j.leave(directory)
	for failures := 1; ; failures++ {
		err := j.client.Queues().Add(queue(directory), river.QueueConfig{MaxWorkers: together})
		if err == nil {
			<-ctx.Done()
			return
		}
		wait := schedule.Backoff{Cap: 10 * time.Second}.After(failures, rand.Float64())
		j.log.Warn("the errands of a directory cannot be worked", "directory", directory, "error", err, "again", wait)
		j.leave(directory) // River keeps a queue that it could not start
		if !schedule.Pause(ctx, wait) {
			return
		}
	}
}

// begin waits until nobody leads the directory. It reports false when the lead
// is over before it began.
func (j *Jobs) begin(directory string, l *lead) bool {
	for l.ctx.Err() == nil {
		j.mu.Lock()
		before := j.leads[directory]
		if before == nil {
			j.leads[directory] = l
		}
		j.mu.Unlock()
		if before == nil {
			return true
		}
		select {
		case <-before.over:
		case <-l.ctx.Done():
		}
	}
	return false
}

func (j *Jobs) end(directory string, l *lead) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.leads, directory)
	close(l.over)
}

// leave takes a directory's queue from River, when its errands have ended. River
// holds a lock over all queues while it waits, so it waits for a moment at a time.
func (j *Jobs) leave(directory string) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		err := j.client.Queues().Remove(ctx, queue(directory))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			return // the only other error is that the queue is not there
		}
	}
}

// worker works errands for River.
//
// River would keep every error of a job in its row, give up after some of them,
// and bound the time for all. So an errand that failed is only put off, and the
// context of River, with its deadline, is not used. As long as an errand takes,
// it is kept from looking like one of a process that died.
type worker struct {
	river.WorkerDefaults[args]
	jobs *Jobs
}

// NextRetry is asked when the process died that was at a job.
func (*worker) NextRetry(*river.Job[args]) time.Time { return time.Now() }

// Work does one errand.
func (w *worker) Work(_ context.Context, job *river.Job[args]) error {
	l := w.jobs.leading(job.Args.Directory)
	if l == nil || l.ctx.Err() != nil {
		return river.JobSnooze(0) // for the next one to lead the directory
	}
	key := job.Args.key()
	if !l.take(key) {
		return river.JobSnooze(time.Second) // the same is being worked: after it
	}
	var err error
	if err = w.jobs.begun(job.ID); err == nil {
		stop := w.jobs.stayAlive(job.ID)
		err = l.call(Errand(job.Args))
		stop()
	}
	failures := l.done(key, err)
	if err == nil {
		return nil
	}
	var wait time.Duration
	if l.ctx.Err() == nil {
		wait = schedule.Backoff{}.After(failures, rand.Float64())
		w.jobs.log.Debug("an errand failed", "directory", job.Args.Directory, "groups", job.Args.Groups,
			"urgency", string(job.Args.Urgency), "error", err, "failures", failures, "again", wait)
	}
	if w.jobs.followed(job.ID, job.UniqueKey) {
		return nil // by one that asks for the same, and will do
	}
	return river.JobSnooze(wait)
}

func (j *Jobs) leading(directory string) *lead {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.leads[directory]
}

// take reports whether the errand may be worked now: nobody is at the same.
func (l *lead) take(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[key] {
		return false
	}
	l.busy[key] = true
	return true
}

// done returns how often the errand failed in a row.
func (l *lead) done(key string, err error) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, key)
	if err == nil {
		delete(l.failures, key)
		return 0
	}
	l.failures[key]++
	return l.failures[key]
}

// call calls work, and makes an error of a panic.
func (l *lead) call(e Errand) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return l.work(l.ctx, e)
}

// stayAlive keeps a job from being given to another, until stop is called.
func (j *Jobs) stayAlive(id int64) (stop func()) {
	stopped := make(chan struct{})
	go func() {
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-ticker.C:
				j.touch(id)
			}
		}
	}()
	return func() { close(stopped) }
}

// River has no calls for the following. It counts how long a job takes from its
// begin, and one that runs keeps the same from being sent. Neither will do here,
// so these write to River's rows.

// touch notes that a job is still being worked.
func (j *Jobs) touch(id int64) {
	// An error is no more than a chance that the errand is worked twice.
	_, _ = j.write("UPDATE river_job SET attempted_at = CURRENT_TIMESTAMP WHERE id = $1 AND state = 'running'", id)
}

// begun lets the same errand be sent again, before work begins to look.
func (j *Jobs) begun(id int64) error {
	_, err := j.write("UPDATE river_job SET unique_key = NULL WHERE id = $1", id)
	return err
}

// followed takes back what begun did. It reports true when that cannot be, for
// the same errand was sent meanwhile.
func (j *Jobs) followed(id int64, key []byte) bool {
	n, err := j.write(`UPDATE river_job SET unique_key = $2 WHERE id = $1 AND NOT EXISTS (
		SELECT 1 FROM river_job WHERE unique_key = $2 AND state NOT IN ('cancelled', 'completed', 'discarded'))`, id, key)
	return err == nil && n == 0
}

func (j *Jobs) write(query string, args ...any) (rows int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), beat)
	defer cancel()
	res, err := j.db.ExecContext(ctx, query, args...)
	if err != nil {
		j.log.Debug("job queue: an errand could not be noted", "error", err)
		return 0, err
	}
	return res.RowsAffected()
}
