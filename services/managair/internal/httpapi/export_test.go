package httpapi

// Routes are all that the API answers.
func (a *API) Routes() []Route { return a.routes }
