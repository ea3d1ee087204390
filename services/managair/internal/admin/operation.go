package admin

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/hibiken/asynq"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// queue is a queue of tasks, and those that wait for another try or were given up.
type queue struct {
	*asynq.QueueInfo
	Failing []*asynq.TaskInfo
}

// servicesData is what the page of services shows.
type servicesData struct {
	Services []ops.Answer
	Facts    [][2]string
}

func ago(lang string, t *time.Time) string {
	if t == nil {
		return "–"
	}
	count := func(n int, one, many words.Text) string {
		if n == 1 {
			return one.In(lang)
		}
		return many.In(lang, n)
	}
	d := time.Since(*t).Round(time.Minute)
	switch {
	case d < time.Hour:
		return count(int(d.Minutes()), words.AgoMinute, words.AgoMinutes)
	case d < 48*time.Hour:
		return count(int(d.Hours()), words.AgoHour, words.AgoHours)
	default:
		return count(int(d.Hours()/24), words.AgoDay, words.AgoDays)
	}
}

func (a *Admin) fidelity(w http.ResponseWriter, r *request) error {
	nodes, err := a.Store.Health(r.Context(), r.caller)
	if err != nil {
		return err
	}
	v := r.view(words.Fidelity.In(r.lang))
	v.Here = "fidelity"
	return show(w, r, http.StatusOK, v, fidelityPage(v, nodes))
}

// faultText says what is wrong with what a node measures.
func faultText(v *view, n backoffice.NodeHealth) string {
	text := words.FaultImplausible
	if n.Fault == fidelity.Frozen {
		text = words.FaultFrozen
	}
	var ppm int
	if n.LastCO2PPM != nil {
		ppm = *n.LastCO2PPM
	}
	return text.In(v.Lang, ppm, ago(v.Lang, n.FaultSince))
}

// superuser keeps others from the pages about the machinery.
func (r *request) superuser() error {
	if !r.user.Superuser {
		return fault.New(fault.NotFound, "not found")
	}
	return nil
}

func (a *Admin) queues(w http.ResponseWriter, r *request) error {
	if err := r.superuser(); err != nil {
		return err
	}
	v := r.view(words.Queues.In(r.lang))
	v.Here = "queues"
	names, err := a.Inspector.Queues()
	if err != nil {
		v.Bad = words.RedisAway.In(r.lang)
		return show(w, r, http.StatusServiceUnavailable, v, queuesPage(v, nil))
	}
	var all []queue
	for _, name := range names {
		info, err := a.Inspector.GetQueueInfo(name)
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "Redis is not available")
		}
		retry, err := a.Inspector.ListRetryTasks(name, asynq.PageSize(20))
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "Redis is not available")
		}
		dead, err := a.Inspector.ListArchivedTasks(name, asynq.PageSize(20))
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "Redis is not available")
		}
		all = append(all, queue{info, append(retry, dead...)})
	}
	return show(w, r, http.StatusOK, v, queuesPage(v, all))
}

func (a *Admin) changeQueue(w http.ResponseWriter, r *request) error {
	if err := r.superuser(); err != nil {
		return err
	}
	queue, id := r.PostForm.Get("queue"), r.PostForm.Get("id")
	var err error
	switch r.PostForm.Get("action") {
	case "run":
		err = a.Inspector.RunTask(queue, id)
	case "drop":
		err = a.Inspector.DeleteTask(queue, id)
	case "pause":
		err = a.Inspector.PauseQueue(queue)
	case "resume":
		err = a.Inspector.UnpauseQueue(queue)
	}
	// Somebody else, or the worker, may have been faster.
	if err != nil && !errors.Is(err, asynq.ErrTaskNotFound) && !errors.Is(err, asynq.ErrQueueNotFound) {
		a.Log.WarnContext(r.Context(), "queue not changed", "task", id, "err", err)
	}
	return web.Redirect(w, r.Request, "/admin/queues/")
}

// itself is the name of the service whose pages these are.
const itself = "managair"

func (a *Admin) services(w http.ResponseWriter, r *request) error {
	if err := r.superuser(); err != nil {
		return err
	}
	v := r.view(words.Services.In(r.lang))
	v.Here = "services"
	facts, err := a.Store.Facts(r.Context())
	if err != nil {
		return err
	}
	services := ops.Ask(r.Context(), a.Services)
	if _, asked := a.Services[itself]; !asked {
		services = slices.Insert(services, 0, ops.Answer{Service: itself, Version: lifecycle.Version, State: ops.Well})
	}
	return show(w, r, http.StatusOK, v, servicesPage(v, servicesData{services, facts}))
}
