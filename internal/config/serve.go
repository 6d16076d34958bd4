package config

import "time"

// leaseMin is the shortest lease: renewing it must leave room for a slow
// database.
const leaseMin = 5 * time.Second

func (s *Serve) check(w *walker) {
	w.listen("serve.listen", s.Listen, "127.0.0.1:8750")
	if d := s.Every.Std(); d != 0 && d < time.Minute {
		w.fail("serve.every", "is shorter than a minute; what begins and ends does not wait for it")
	}
	if d := s.Lease.Std(); d != 0 && d < leaseMin {
		w.fail("serve.lease", "is shorter than %s", leaseMin)
	}
}

func (s *Serve) complete() {
	if s.Listen == "" {
		s.Listen = "127.0.0.1:8750"
	}
	if s.Every == 0 {
		s.Every = Duration(15 * time.Minute)
	}
	if s.Lease == 0 {
		s.Lease = Duration(15 * time.Second)
	}
}
