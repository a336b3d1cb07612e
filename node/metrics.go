package node

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are the node's own figures beside those of the web server. They
// hold no patient data.
func (n *node) metrics() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, figure := range []struct {
		name, help string
		value      func() float64
	}{
		{"radnode_associations", "DICOM associations that stand.", func() float64 { return float64(len(n.dicom.Associations())) }},
		{"radnode_workers", "Pixel workers that are ready.", func() float64 { return float64(n.pool.Stats().Processes) }},
		{"radnode_worker_waiting", "Requests that wait for a pixel worker.", func() float64 { return float64(n.pool.Stats().Waiting) }},
		{"radnode_worker_deaths", "Pixel workers that ended in the middle of a request.", func() float64 { return float64(n.pool.Stats().Deaths) }},
		{"radnode_worker_poison", "Requests that ended two pixel workers.", func() float64 { return float64(n.pool.Stats().Poison) }},
	} {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: figure.name, Help: figure.help}, figure.value))
	}
	return registry
}
