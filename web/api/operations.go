package api

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
)

// Operations is how the node fares, how it is set up and whether its models
// still give the answers they were admitted with.
type Operations interface {
	Activity(ctx context.Context) (radnode.Activity, error)
	Settings() []Setting
	Verify(ctx context.Context) ([]SelfTest, error)
	ModelUse(ctx context.Context, id, version string) (radnode.ModelUse, error)
}

// Setting is one option of the node as it is in force.
type Setting struct {
	Name        string `json:"name"`
	Environment string `json:"environment"`
	Doc         string `json:"doc"`
	Value       string `json:"value"` // "" for a secret
	Secret      bool   `json:"secret,omitempty"`
	Changed     bool   `json:"changed,omitempty"` // differs from the default
}

// SettingList answers GET /settings.
type SettingList struct {
	Settings []Setting `json:"settings"`
}

// SelfTest is one reference case of a model, run again.
type SelfTest struct {
	Model     string  `json:"model"` // id@version
	Case      string  `json:"case"`  // "" where the model has none
	Device    string  `json:"device"`
	Deviation float64 `json:"deviation"`
	Tolerance float64 `json:"tolerance"`
	OK        bool    `json:"ok"`
	Reason    string  `json:"reason"` // why it is not
}

// SelfTestList answers POST /models/verify.
type SelfTestList struct {
	Tests []SelfTest `json:"tests"`
}

// GetActivity answers what was done by the hour and what waits.
func (a *API) GetActivity(c echo.Context) error {
	activity, err := a.Operations.Activity(c.Request().Context())
	if err != nil {
		return err
	}
	return sendJSON(c, activity)
}

// GetModelUse answers how a version of a model fared lately.
func (a *API) GetModelUse(c echo.Context) error {
	use, err := a.Operations.ModelUse(c.Request().Context(), c.Param("model"), c.Param("version"))
	if err != nil {
		return err
	}
	return sendJSON(c, use)
}

// GetSettings answers the options in force, without secrets.
func (a *API) GetSettings(c echo.Context) error {
	return sendJSON(c, SettingList{Settings: a.Operations.Settings()})
}

// VerifyModels runs the reference cases of the models.
func (a *API) VerifyModels(c echo.Context) error {
	tests, err := a.Operations.Verify(c.Request().Context())
	if err != nil {
		return err
	}
	if tests == nil {
		tests = []SelfTest{}
	}
	return sendJSON(c, SelfTestList{Tests: tests})
}
