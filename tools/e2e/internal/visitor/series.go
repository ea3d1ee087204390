package visitor

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// SeriesPath is where the API has what the node with a number measured.
func SeriesPath(number int, from, to time.Time) string {
	query := url.Values{
		"include_timeseries": {"1"},
		"filter[from]":       {strconv.FormatInt(from.Unix(), 10)}, "filter[to]": {strconv.FormatInt(to.Unix(), 10)},
	}
	return fmt.Sprintf("/api/v1/installations/%d/?%s", 9000+number, query.Encode())
}

// SeriesTimes returns the times of a series' samples, in Unix seconds.
func SeriesTimes(body []byte) (map[int64]bool, error) {
	var document struct {
		Data struct {
			Attributes struct {
				Timeseries []struct {
					Time int64 `json:"timestamp_s"`
				}
			}
		}
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, fmt.Errorf("%w: %.300s", err, body)
	}
	times := map[int64]bool{}
	for _, sample := range document.Data.Attributes.Timeseries {
		times[sample.Time] = true
	}
	return times, nil
}
