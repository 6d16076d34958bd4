// Package entratest is a Microsoft Entra tenant to test against: the part of
// Microsoft Graph that has to do with groups, their members and the people in
// them, and the token endpoint. It is written from Microsoft's documentation,
// and shares nothing with the connector.
//
// It keeps the vendor's page sizes, limits, quotas, error bodies and oddities,
// lags like replicas do, and holds what a client does against the documented
// rules: see [Server.Violations] and [Server.Catastrophes]. Where the
// documentation is silent, the worse case is the default, or there is an
// option.
//
// Privileged Identity Management and entitlement management are not here.
package entratest
