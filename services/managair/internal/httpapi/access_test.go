package httpapi_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/report/pdftest"
)

// roles are the columns of the matrix, seen from organization 1.
var roles = []struct {
	name string
	user int64
}{{"anonymous", anonymous}, {"stranger", stranger}, {"INSPECTOR", inspector}, {"OWNER", owner}, {"superuser", superuser}}

// row says how a route answers each of the roles: for the public things of
// organization 1, for its private ones, and for what belongs to another
// organization. Routes without an id have only the first.
type row struct {
	public, private, foreign string
	// body is what writing methods send; {id} and {node} are those of the path, {me} is
	// the caller's.
	body string
	// before is SQL that makes what a change needs.
	before string
	// media is that of the body, when it is not JSON:API by itself.
	media string
}

const (
	everyone = "200 200 200 200 200"
	accounts = "401 200 200 200 200"
	nobody   = "401 404 404 404 404"
	members  = "401 404 200 200 404"
	members0 = "404 404 200 200 404" // where anonymous callers come in, for the public things
	hidden   = "404 404 404 404 404"
)

// matrix has a row for each route; a route without one fails the test.
var matrix = map[string]row{
	"GET /api/v1":                     {public: everyone},
	"GET /api/v1/schema":              {public: everyone},
	"GET /api/v1/schema/swagger-ui":   {public: everyone},
	"GET /api/v1/schema/redoc":        {public: everyone},
	"GET /api/v1/schema/files/{name}": {public: hidden},

	"POST /api/v1/auth/login":                  {public: "400 400 400 400 400", body: `{"data":{"type":"LoginView","attributes":{"username":"olga"}}}`},
	"POST /api/v1/auth/logout":                 {public: everyone},
	"GET /api/v1/auth/user":                    {public: accounts},
	"PATCH /api/v1/auth/user":                  {public: accounts, body: `{"data":{"type":"User","id":"{me}","attributes":{"first_name":"x"}}}`},
	"PUT /api/v1/auth/user":                    {public: accounts, body: `{"data":{"type":"User","id":"{me}","attributes":{"username":"x"}}}`},
	"POST /api/v1/auth/password/change":        {public: "401 400 400 400 400", body: `{"data":{"type":"PasswordChangeView","attributes":{}}}`},
	"POST /api/v1/auth/password/reset":         {public: everyone, body: `{"data":{"type":"PasswordResetView","attributes":{"email":"niemand@example.org"}}}`},
	"POST /api/v1/auth/password/reset/confirm": {public: "400 400 400 400 400", body: `{"data":{"type":"PasswordResetConfirmView","attributes":{}}}`},

	"POST /api/v1/operations": {
		public: "401 403 403 200 403", media: jsonapi.AtomicMediaType,
		body: `{"atomic:operations":[{"op":"update","data":{"type":"Room","id":"1","attributes":{"name":"x"}}}]}`,
	},

	"GET /api/v1/quantities":         {public: everyone},
	"GET /api/v1/quantities/{id}":    {public: everyone, private: everyone, foreign: hidden},
	"POST /api/v1/quantities":        {public: "401 403 403 403 201", body: `{"data":{"type":"Quantity","attributes":{"quantity":"Lärm","base_unit":"dB"}}}`},
	"PATCH /api/v1/quantities/{id}":  {public: "401 403 403 403 200", body: `{"data":{"type":"Quantity","id":"{id}","attributes":{"base_unit":"x"}}}`},
	"DELETE /api/v1/quantities/{id}": {public: "401 403 403 403 409"},
	"GET /api/v1/protocols":          {public: everyone},
	"GET /api/v1/protocols/{id}":     {public: everyone, private: everyone, foreign: hidden},
	"POST /api/v1/protocols":         {public: "401 403 403 403 201", body: `{"data":{"type":"Protocol","attributes":{"identifier":"neu"}}}`},
	"PATCH /api/v1/protocols/{id}":   {public: "401 403 403 403 200", body: `{"data":{"type":"Protocol","id":"{id}","attributes":{"identifier":"neu"}}}`},
	"DELETE /api/v1/protocols/{id}":  {public: "401 403 403 403 409"},
	"GET /api/v1/models":             {public: everyone},
	"GET /api/v1/models/{id}":        {public: everyone, private: hidden, foreign: hidden},
	"POST /api/v1/models": {public: "401 403 403 403 201", body: `{"data":{"type":"Model","attributes":{"name":"n","trade_name":"t","manufacturer":"m","sensor_type":"s"},
		"relationships":{"quantities":{"data":[{"type":"Quantity","id":"1"}]}}}}`},
	"PATCH /api/v1/models/{id}":  {public: "401 403 403 403 200", body: `{"data":{"type":"Model","id":"{id}","attributes":{"name":"neu"}}}`},
	"DELETE /api/v1/models/{id}": {public: "401 403 403 403 409"},

	"GET /api/v1/organizations":                         {public: everyone},
	"GET /api/v1/organizations/{id}":                    {public: everyone, foreign: hidden},
	"GET /api/v1/organizations/{id}/timeseries.csv":     {public: everyone, foreign: hidden},
	"GET /api/v1/organizations/{id}/timeseries.xlsx":    {public: everyone, foreign: hidden},
	"GET /api/v1/organizations/{id}/timeseries.parquet": {public: everyone, foreign: hidden},
	"POST /api/v1/organizations":                        {public: "401 201 201 201 201", body: `{"data":{"type":"Organization","attributes":{"name":"Neu"}}}`},
	"PATCH /api/v1/organizations/{id}": {
		public: "401 403 403 200 403", foreign: nobody,
		body: `{"data":{"type":"Organization","id":"{id}","attributes":{"description":"x"}}}`,
	},
	"DELETE /api/v1/organizations/{id}":                  {public: "401 403 403 204 403", foreign: nobody},
	"GET /api/v1/organizations/{id}/users":               {public: accounts, foreign: nobody},
	"GET /api/v1/organizations/{id}/memberships":         {public: accounts, foreign: nobody},
	"GET /api/v1/organizations/{id}/sites":               {public: everyone, foreign: hidden},
	"GET /api/v1/organizations/{id}/nodes":               {public: accounts, foreign: nobody},
	"GET /api/v1/organizations/{id}/relationships/users": {public: members, foreign: nobody},
	"POST /api/v1/organizations/{id}/relationships/users": {
		public: "401 403 403 400 403", foreign: nobody, body: `{"data":[{"type":"User","id":"3"}]}`,
	},
	"PATCH /api/v1/organizations/{id}/relationships/users": {
		public: "401 403 403 200 403", foreign: nobody, body: `{"data":[{"type":"User","id":"1"}]}`,
	},
	"DELETE /api/v1/organizations/{id}/relationships/users": {
		public: "401 403 403 200 403", foreign: nobody, body: `{"data":[{"type":"User","id":"2"}]}`,
	},

	"GET /api/v1/memberships":      {public: accounts},
	"GET /api/v1/memberships/{id}": {public: members, private: members, foreign: nobody},
	"POST /api/v1/memberships": {public: "401 403 403 202 403", body: `{"data":{"type":"Membership","attributes":{},"relationships":{
		"user":{"data":{"type":"User","id":"stefan@example.org"}},"organization":{"data":{"type":"Organization","id":"1"}}}}}`},
	"PATCH /api/v1/memberships/{id}": {
		public: "401 404 403 409 404", private: "401 404 403 200 404", foreign: nobody,
		body: `{"data":{"type":"Membership","id":"{id}","attributes":{"role":"I"}}}`,
	},
	"DELETE /api/v1/memberships/{id}":           {public: "401 404 403 409 404", private: "401 404 204 204 404", foreign: nobody},
	"GET /api/v1/memberships/{id}/user":         {public: members, private: members, foreign: nobody},
	"GET /api/v1/memberships/{id}/organization": {public: members, private: members, foreign: nobody},

	"GET /api/v1/invitations": {public: accounts},
	"POST /api/v1/invitations": {public: "401 403 403 201 403", body: `{"data":{"type":"Invitation","attributes":{"email":"stefan@example.org"},"relationships":{
		"organization":{"data":{"type":"Organization","id":"1"}}}}}`},
	"GET /api/v1/invitations/{id}":    {public: "401 404 404 200 404", foreign: nobody},
	"DELETE /api/v1/invitations/{id}": {public: "401 404 404 204 404", foreign: nobody},

	"GET /api/v1/report-subscriptions":                 {public: accounts},
	"GET /api/v1/sites/{id}/report-subscription":       {public: members, private: members, foreign: nobody},
	"PATCH /api/v1/sites/{id}/report-subscription":     {public: members, private: members, foreign: nobody, body: `{"data":{"type":"ReportSubscription","id":"{id}","attributes":{"weekly":true}}}`},
	"POST /api/v1/sites/{id}/report-subscription/send": {public: "401 404 202 202 404", private: "401 404 202 202 404", foreign: nobody, body: `{"data":{"type":"ReportSubscription","id":"{id}","attributes":{"kind":"week"}}}`},

	"GET /api/v1/sites/{id}/timetable":     {public: members, private: members, foreign: nobody},
	"PATCH /api/v1/sites/{id}/timetable":   {public: "401 404 403 200 404", private: "401 404 403 200 404", foreign: nobody, body: `{"data":{"type":"Timetable","id":"site-{id}","attributes":{"holiday_region":"DE-BE"}}}`},
	"GET /api/v1/rooms/{id}/timetable":     {public: members, private: members, foreign: nobody},
	"PATCH /api/v1/rooms/{id}/timetable":   {public: "401 404 403 200 404", private: "401 404 403 200 404", foreign: nobody, body: `{"data":{"type":"Timetable","id":"room-{id}","attributes":{"weekly":null}}}`},
	"GET /api/v1/rooms/{id}/occupied-days": {public: members, private: members, foreign: nobody},
	"GET /api/v1/holiday-regions":          {public: everyone},

	"GET /api/v1/ingestion-tokens": {public: accounts},
	"POST /api/v1/ingestion-tokens": {public: "401 403 403 201 403", body: `{"data":{"type":"IngestionToken","attributes":{"name":"Skript"},"relationships":{
		"organization":{"data":{"type":"Organization","id":"1"}}}}}`},
	"GET /api/v1/ingestion-tokens/{id}":    {public: "401 404 404 200 404", foreign: nobody},
	"DELETE /api/v1/ingestion-tokens/{id}": {public: "401 404 404 204 404", foreign: nobody},

	"GET /api/v1/exports": {public: accounts},
	"POST /api/v1/exports": {public: "401 400 202 202 400", body: `{"data":{"type":"Export","attributes":{"file":"csv"},"relationships":{
		"nodes":{"data":[{"type":"Node","id":"` + node1 + `"}]}}}}`},
	"GET /api/v1/exports/{id}":      {public: "401 404 404 200 404", private: "401 404 404 200 404", foreign: nobody},
	"DELETE /api/v1/exports/{id}":   {public: "401 404 404 204 404", private: "401 404 404 204 404", foreign: nobody},
	"GET /api/v1/exports/{id}/file": {public: "404 404 404 200 404", private: hidden, foreign: hidden},

	"GET /api/v1/notification-channels": {public: accounts},
	"POST /api/v1/notification-channels": {public: "401 403 403 201 403", body: `{"data":{"type":"NotificationChannel","attributes":{"kind":"email","name":"Mails","language":"de","address":"haus@example.org"},
		"relationships":{"organization":{"data":{"type":"Organization","id":"1"}}}}}`},
	"GET /api/v1/notification-channels/{id}":          {public: "401 404 404 200 404", private: "401 404 404 200 404", foreign: nobody},
	"PATCH /api/v1/notification-channels/{id}":        {public: "401 404 404 200 404", private: "401 404 404 200 404", foreign: nobody, body: `{"data":{"type":"NotificationChannel","id":"{id}","attributes":{"name":"x"}}}`},
	"DELETE /api/v1/notification-channels/{id}":       {public: "401 404 404 204 404", private: "401 404 404 204 404", foreign: nobody},
	"POST /api/v1/notification-channels/{id}/code":    {public: "401 404 404 409 404", private: "401 404 404 409 404", foreign: nobody},
	"POST /api/v1/notification-channels/{id}/confirm": {public: "401 404 404 200 404", private: "401 404 404 200 404", foreign: nobody, body: `{"data":{"type":"NotificationChannel","id":"{id}","attributes":{}}}`},
	"POST /api/v1/notification-channels/{id}/test":    {public: "401 404 404 202 404", private: "401 404 404 202 404", foreign: nobody},
	"POST /api/v1/notification-channels/{id}/rotate":  {public: "401 404 404 200 404", private: "401 404 404 200 404", foreign: nobody},
	"GET /api/v1/notifications":                       {public: accounts},
	"GET /api/v1/notifications/{id}":                  {public: "401 404 404 200 404", private: "401 404 404 200 404", foreign: nobody},
	"POST /api/v1/notifications/{id}/replay":          {public: "401 404 404 202 404", private: "401 404 404 202 404", foreign: nobody},

	"GET /api/v1/users":                                  {public: accounts},
	"GET /api/v1/users/{id}":                             {public: members, private: members, foreign: "401 200 404 404 404"},
	"GET /api/v1/users/{id}/organizations":               {public: members, private: members, foreign: "401 200 404 404 404"},
	"GET /api/v1/users/{id}/memberships":                 {public: members, private: members, foreign: "401 200 404 404 404"},
	"GET /api/v1/users/{id}/relationships/organizations": {public: members, private: members, foreign: "401 200 404 404 404"},
	"POST /api/v1/users/{id}/relationships/organizations": {
		public: "401 404 204 204 404", foreign: "401 403 404 404 404", body: `{"data":[{"type":"Organization","id":"1"}]}`,
	},
	"PATCH /api/v1/users/{id}/relationships/organizations": {
		public: "401 404 403 409 404", private: "401 404 200 200 404", body: `{"data":[]}`,
	},
	"DELETE /api/v1/users/{id}/relationships/organizations": {
		public: "401 404 403 409 404", private: "401 404 200 200 404", body: `{"data":[{"type":"Organization","id":"1"}]}`,
	},

	"GET /api/v1/addresses":      {public: accounts},
	"GET /api/v1/addresses/{id}": {public: everyone, private: members0, foreign: hidden},
	"POST /api/v1/addresses":     {public: "401 201 201 201 201", body: `{"data":{"type":"Address","attributes":{"street1":"a","zip":"12345","city":"b"}}}`},
	"PATCH /api/v1/addresses/{id}": {
		public: "401 403 403 200 403", private: "401 404 403 200 404", foreign: nobody,
		body: `{"data":{"type":"Address","id":"{id}","attributes":{"street1":"x"}}}`,
	},
	"DELETE /api/v1/addresses/{id}": {public: "401 403 403 409 403", private: "401 404 403 409 404", foreign: nobody},

	"GET /api/v1/sites":      {public: everyone},
	"GET /api/v1/sites/{id}": {public: everyone, private: members0, foreign: hidden},
	"POST /api/v1/sites": {public: "401 403 403 201 403", body: `{"data":{"type":"Site","attributes":{"name":"Neu"},"relationships":{
		"address":{"data":{"type":"Address","id":"1"}},"operator":{"data":{"type":"Organization","id":"1"}}}}}`},
	"PATCH /api/v1/sites/{id}": {
		public: "401 403 403 200 403", private: "401 404 403 200 404", foreign: nobody,
		body: `{"data":{"type":"Site","id":"{id}","attributes":{"name":"x"}}}`,
	},
	"DELETE /api/v1/sites/{id}":           {public: "401 403 403 204 403", private: "401 404 403 204 404", foreign: nobody},
	"GET /api/v1/sites/{id}/organization": {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/sites/{id}/operator":     {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/sites/{id}/address":      {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/sites/{id}/rooms":        {public: everyone, private: members0, foreign: hidden},

	"GET /api/v1/public-sites":      {public: everyone},
	"GET /api/v1/public-sites/{id}": {public: everyone, private: hidden, foreign: hidden},

	"GET /api/v1/rooms":                         {public: everyone},
	"GET /api/v1/sites/{id}/timeseries.csv":     {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/sites/{id}/timeseries.xlsx":    {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/sites/{id}/signs.pdf":          {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/sites/{id}/report.pdf":         {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/sites/{id}/report":             {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/sites/{id}/timeseries.parquet": {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}":                    {public: everyone, private: members0, foreign: hidden},
	"POST /api/v1/rooms": {public: "401 403 403 201 403", body: `{"data":{"type":"Room","attributes":{"name":"Neu"},"relationships":{
		"site":{"data":{"type":"Site","id":"1"}}}}}`},
	"PATCH /api/v1/rooms/{id}": {
		public: "401 403 403 200 403", private: "401 404 403 200 404", foreign: nobody,
		body: `{"data":{"type":"Room","id":"{id}","attributes":{"name":"x"}}}`,
	},
	"DELETE /api/v1/rooms/{id}":                 {public: "401 403 403 204 403", private: "401 404 403 204 404", foreign: nobody},
	"GET /api/v1/rooms/{id}/timeseries.csv":     {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/timeseries.xlsx":    {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/sign.pdf":           {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/report.pdf":         {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/report":             {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/timeseries.parquet": {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/site":               {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/installations":      {public: everyone, private: members0, foreign: hidden},

	"GET /api/v1/nodes":      {public: accounts},
	"GET /api/v1/nodes/{id}": {public: members, private: members, foreign: nobody},
	"POST /api/v1/nodes": {public: "401 403 403 201 403", body: `{"data":{"type":"Node",
		"attributes":{"eui64":"9876b600000000ff","alias":"Neu"},"relationships":{"protocol":{"data":{"type":"Protocol","id":"1"}},
		"model":{"data":{"type":"Model","id":"1"}},"owner":{"data":{"type":"Organization","id":"1"}}}}}`},
	"PATCH /api/v1/nodes/{id}": {
		public: "401 404 403 200 404", private: "401 404 403 200 404", foreign: nobody,
		body: `{"data":{"type":"Node","id":"{id}","attributes":{"alias":"x"}}}`,
	},
	"DELETE /api/v1/nodes/{id}":                  {public: "401 404 403 204 404", private: "401 404 403 204 404", foreign: nobody},
	"GET /api/v1/nodes/{id}/protocol":            {public: members, private: members, foreign: nobody},
	"GET /api/v1/nodes/{id}/model":               {public: members, private: members, foreign: nobody},
	"GET /api/v1/nodes/{id}/owner":               {public: members, private: members, foreign: nobody},
	"GET /api/v1/nodes/{id}/installations":       {public: members, private: members, foreign: nobody},
	"GET /api/v1/nodes/{id}/timeseries":          {public: members, private: members, foreign: nobody},
	"GET /api/v1/nodes/{id}/timeseries.csv":      {public: members, private: members, foreign: nobody},
	"GET /api/v1/nodes/{id}/readings":            {public: members, private: members, foreign: nobody},
	"GET /api/v1/nodes/{id}/readings/{quantity}": {public: members, private: members, foreign: nobody},
	"GET /api/v1/node-timeseries":                {public: accounts},
	"GET /api/v1/node-timeseries/{id}":           {public: members, private: members, foreign: nobody},

	"GET /api/v1/installations":      {public: everyone},
	"GET /api/v1/installations/{id}": {public: everyone, private: members0, foreign: hidden},
	"POST /api/v1/installations": {public: "401 400 403 201 400", body: `{"data":{"type":"Installation","attributes":{"from_timestamp_s":1770000000},"relationships":{
		"node":{"data":{"type":"Node","id":"` + node2 + `"}},"room":{"data":{"type":"Room","id":"1"}}}}}`},
	"PATCH /api/v1/installations/{id}": {
		public: "401 403 403 200 403", private: "401 404 403 200 404", foreign: nobody,
		body: `{"data":{"type":"Installation","id":"{id}","attributes":{"description":"x"}}}`,
	},
	"PUT /api/v1/installations/{id}": {
		public: "401 403 403 200 403", private: "401 404 403 200 404", foreign: nobody,
		body: `{"data":{"type":"Installation","id":"{id}","attributes":{"from_timestamp_s":1767225600},"relationships":{
			"node":{"data":{"type":"Node","id":"{node}"}},"room":{"data":{"type":"Room","id":"{id}"}}}}}`,
	},
	"DELETE /api/v1/installations/{id}":                  {public: "401 403 403 204 403", private: "401 404 403 204 404", foreign: nobody},
	"PUT /api/v1/installations/{id}/image":               {public: "401 403 403 415 403", private: "401 404 403 415 404", foreign: nobody, body: "{}"},
	"DELETE /api/v1/installations/{id}/image":            {public: "401 403 403 204 403", private: "401 404 403 204 404", foreign: nobody},
	"GET /api/v1/installations/{id}/room":                {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/installations/{id}/node":                {public: members, private: members, foreign: nobody},
	"GET /api/v1/installations/{id}/timeseries":          {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/installations/{id}/timeseries.csv":      {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/installations/{id}/readings":            {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/installations/{id}/readings/{quantity}": {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/installation-timeseries":                {public: everyone},
	"GET /api/v1/installation-timeseries/{id}":           {public: everyone, private: members0, foreign: hidden},

	"GET /api/v1/rooms/{id}/airquality":          {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/airquality/{month}":  {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/verdicts":            {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/verdicts/{month}":    {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/ventilation":         {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/ventilation/{month}": {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/climate":             {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/climate/{month}":     {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/climate-bands":                  {public: everyone},
	"GET /api/v1/verdict-profiles":               {public: everyone},
	// Of the world's files only the first is published.
	"GET /api/v1/rooms/{id}/air-files": {public: everyone, private: members0, foreign: hidden},
	"POST /api/v1/rooms/{id}/air-files": {
		public: "401 403 403 201 403", private: "401 404 403 201 404", foreign: nobody,
		body: `{"data":{"type":"AirFile","attributes":{"from_date":"2026-01-05","to_date":"2026-01-06"}}}`,
	},
	"GET /api/v1/air-files/{id}":               {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/air-files/{id}/page":          {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/air-files/{id}/document.json": {public: everyone, private: members0, foreign: hidden},
	"DELETE /api/v1/air-files/{id}":            {public: "401 403 403 409 403", private: "401 404 403 204 404", foreign: nobody},
	"PATCH /api/v1/air-files/{id}": {
		public: "401 403 403 200 403", private: "401 404 403 200 404", foreign: nobody,
		body: `{"data":{"type":"AirFile","id":"{id}","attributes":{"published":true}}}`,
	},
	"GET /api/v1/forms":            {public: everyone},
	"GET /api/v1/sites/{id}/forms": {public: members, private: members, foreign: nobody},
	"POST /api/v1/sites/{id}/forms": {
		public: "401 403 403 201 403", private: "401 404 403 201 404", foreign: nobody,
		body: `{"data":{"type":"SiteForm","attributes":{"form":"fr-aeration","from_date":"2026-01-05","to_date":"2026-01-06"}}}`,
	},
	"GET /api/v1/site-forms/{id}":              {public: members, private: members, foreign: nobody},
	"GET /api/v1/site-forms/{id}/page":         {public: members, private: members, foreign: nobody},
	"GET /api/v1/site-forms/{id}/document.pdf": {public: members, private: members, foreign: nobody},
	"DELETE /api/v1/site-forms/{id}":           {public: "401 404 403 204 404", private: "401 404 403 204 404", foreign: nobody},
	"PATCH /api/v1/site-forms/{id}": {
		public: "401 404 403 200 404", private: "401 404 403 200 404", foreign: nobody,
		body: `{"data":{"type":"SiteForm","id":"{id}","attributes":{"version":1,"fields":{"siret":"12345678901234"}}}}`,
	},
	"GET /api/v1/fidelity":                {public: accounts},
	"GET /api/v1/fidelity/{id}":           {public: members, private: members, foreign: nobody},
	"GET /api/v1/radio":                   {public: accounts},
	"GET /api/v1/radio/{id}":              {public: members, private: members, foreign: nobody},
	"GET /api/v1/sensor-health":           {public: accounts},
	"GET /api/v1/sensor-health/{id}":      {public: members, private: members, foreign: nobody},
	"GET /api/v1/outages":                 {public: accounts},
	"GET /api/v1/outages/{id}":            {public: members, private: members, foreign: nobody},
	"GET /api/v1/nodes/{id}/outages":      {public: members, private: members, foreign: nobody},
	"GET /api/v1/nodes/{id}/calibrations": {public: members, private: members, foreign: nobody},
	"GET /api/v1/calibrations":            {public: accounts},
	"GET /api/v1/calibrations/{id}":       {public: members, private: members, foreign: nobody},
	"GET /api/v1/calibrations/{id}/node":  {public: members, private: members, foreign: nobody},
	"POST /api/v1/calibrations": {public: "401 400 403 201 400", body: `{"data":{"type":"Calibration","attributes":{"performed_at_s":1768000000,"method":"outdoor"},
		"relationships":{"node":{"data":{"type":"Node","id":"` + node1 + `"}}}}}`},
	"PATCH /api/v1/calibrations/{id}": {
		public: "401 404 403 200 404", private: "401 404 403 200 404", foreign: nobody,
		body: `{"data":{"type":"Calibration","id":"{id}","attributes":{"offset_ppm":-30}}}`,
	},
	"DELETE /api/v1/calibrations/{id}": {public: "401 404 403 204 404", private: "401 404 403 204 404", foreign: nobody},
	// Rule 1 is the organization's, rule 2 its OWNER's own.
	"GET /api/v1/alert-rules":      {public: accounts},
	"GET /api/v1/alert-rules/{id}": {public: members, private: "401 404 404 200 404", foreign: nobody},
	"POST /api/v1/alert-rules": {public: "401 400 201 201 400", body: `{"data":{"type":"AlertRule","attributes":{"name":"Neu","condition":"faulty"},
		"relationships":{"organization":{"data":{"type":"Organization","id":"1"}},"node":{"data":{"type":"Node","id":"` + node1 + `"}}}}}`},
	"PATCH /api/v1/alert-rules/{id}": {
		public: "401 404 403 200 404", private: "401 404 404 200 404", foreign: nobody,
		body: `{"data":{"type":"AlertRule","id":"{id}","attributes":{"enabled":false}}}`,
	},
	"DELETE /api/v1/alert-rules/{id}": {public: "401 404 403 204 404", private: "401 404 404 204 404", foreign: nobody},
	"GET /api/v1/alert-episodes":      {public: accounts},
	"GET /api/v1/alert-episodes/{id}": {public: members, private: "401 404 404 200 404", foreign: nobody},
	"PATCH /api/v1/alert-episodes/{id}": {
		public: members, private: "401 404 404 200 404", foreign: nobody,
		body: `{"data":{"type":"AlertEpisode","id":"{id}","attributes":{"acknowledged":true}}}`,
	},
	"GET /api/v1/alert-templates":       {public: accounts},
	"POST /api/v1/alert-templates/{id}": {public: "401 404 404 404 404", body: `{"data":{"type":"AlertTemplate","id":"{id}"}}`},

	"GET /api/v1/live":                    {public: accounts},
	"GET /api/v1/organizations/{id}/live": {public: everyone, foreign: hidden},
	"GET /api/v1/sites/{id}/live":         {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/rooms/{id}/live":         {public: everyone, private: members0, foreign: hidden},
	"GET /api/v1/installations/{id}/live": {public: everyone, private: members0, foreign: hidden},
}

// byNode reports whether the {id} of a pattern is that of a node.
func byNode(pattern string) bool {
	for _, prefix := range []string{"/api/v1/node", "/api/v1/fidelity", "/api/v1/radio", "/api/v1/sensor-health"} {
		if strings.HasPrefix(pattern, prefix) {
			return true
		}
	}
	return false
}

func TestEveryRouteAnswersEachRoleAsTheMatrixSays(t *testing.T) {
	t.Parallel()
	shared, other := newWorld(t), &mutable{w: newWorld(t)}
	seen := map[string]bool{}
	for _, route := range shared.api.Routes() {
		seen[route.Name()] = true
		row, ok := matrix[route.Name()]
		if !ok {
			t.Errorf("%s has no row", route.Name())
			continue
		}
		t.Run(route.Name(), func(t *testing.T) {
			t.Parallel()
			checkRow(t, shared, other, route, row, row.public, 1)
			checkRow(t, shared, other, route, row, row.private, 2)
			checkRow(t, shared, other, route, row, row.foreign, 3)
		})
	}
	for name := range matrix {
		if !seen[name] {
			t.Errorf("the matrix has a row for %s, which is no route", name)
		}
	}
}

// checkRow asks as each role, with a token that may write. What is expected to change
// something gets a world of its own. A token that may only read sees the same, and
// changes nothing anywhere; nor does a session that does not repeat its CSRF value.
func checkRow(t *testing.T, shared *world, other *mutable, route httpapi.Route, row row, want string, id int) {
	t.Helper()
	if want == "" {
		return
	}
	node := []string{node1, node2, node3}[id-1]
	thing := strconv.Itoa(id)
	if byNode(route.Pattern) {
		thing = node
	}
	expect := func(w *world, rq request, as, status string) {
		t.Helper()
		if got := w.do(t, rq); strconv.Itoa(got.status) != status {
			t.Errorf("%s %s as %s: %d, want %s\n%s", rq.method, rq.path, as, got.status, status, got.body)
		}
	}
	for i, status := range strings.Fields(want) {
		role, user := roles[i].name, strconv.FormatInt(roles[i].user, 10)
		fill := strings.NewReplacer("{id}", thing, "{node}", node, "{month}", "2026-01", "{name}", "nichts", "{quantity}", "pressure_hpa", "{me}", user)
		rq := request{method: route.Method, path: fill.Replace(route.Pattern) + "/", body: fill.Replace(row.body)}
		if row.media != "" {
			rq.header = map[string]string{"Content-Type": row.media}
		}
		if roles[i].user != anonymous {
			rq.token = "write-" + user
		}
		if route.Method != http.MethodGet && strings.HasPrefix(status, "2") {
			other.use(t, func(w *world) {
				w.exec(t, row.before)
				expect(w, rq, role, status)
			})
		} else {
			expect(shared, rq, role, status)
		}
		if roles[i].user == anonymous {
			continue
		}
		rq.token = "read-" + user
		if route.Method == http.MethodGet {
			expect(shared, rq, role+" who may only read", status)
			rq.method = http.MethodHead
			expect(shared, rq, role+" who may only read", status)
			continue
		}
		expect(shared, rq, role+" who may only read", "403")
		if path := route.Pattern; path != "/api/v1/auth/login" && path != "/api/v1/auth/logout" {
			rq.token, rq.session = "", "session-"+user
			expect(shared, rq, role+" whom another page sends", "403")
		}
	}
}

// Whatever an outsider asks for, no answer names members, nodes or private things.
func TestOutsidersLearnNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secrets := []string{
		"olga", "ines", "Olga", "Ines", "frieda", // members
		"Eins", "Zwei", "Drei", "9876B6", // nodes
		"Lager", "Keller", "Nebenstr", "Fremd", "Museum", "Saal", "Fernstr", // what is private
		`"type":"Membership"`,
	}
	queries := []string{"", "?include=users", "?include=node", "?include=operator.users", "?include=room.site.operator.users", "?include=node.owner", "?page[size]=1"}
	for _, route := range w.api.Routes() {
		if route.Method != http.MethodGet {
			continue
		}
		for id, node := range []string{node1, node2, node3} {
			thing := strconv.Itoa(id + 1)
			if byNode(route.Pattern) {
				thing = node
			}
			for _, query := range queries {
				for _, user := range []int64{anonymous, stranger, superuser} {
					path := strings.ReplaceAll(route.Pattern, "{id}", thing) + "/" + query
					got := w.do(t, request{user: user, path: path})
					if got.header.Get("Content-Type") == "application/pdf" && got.status == http.StatusOK {
						// Its own words are no text that anybody reads, such as "Outlines".
						document := pdftest.Read(t, []byte(got.body))
						got.body = document.Title + document.Text
					}
					for _, secret := range secrets {
						if strings.Contains(got.body, secret) {
							t.Errorf("GET %s as user %d tells %q: %s", path, user, secret, got.body)
						}
					}
				}
			}
		}
	}
}
