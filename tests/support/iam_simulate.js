// Decide requests with iam-simulate, whose folder is given: JSON in, "allow" and "deny" out.
const path = require("path")
const here = path.join(process.argv[2], "dist/cjs")
const { authorize } = require(path.join(here, "core_engine/CoreSimulatorEngine.js"))
const { AwsRequestImpl } = require(path.join(here, "request/request.js"))
const { RequestContextImpl } = require(path.join(here, "requestContext.js"))
const { DiscoveryContextKeyConstraints } =
  require(path.join(here, "context_keys/discoveryContextKeyConstraints.js"))
const { loadPolicy } = require(require.resolve("@cloud-copilot/iam-policy", { paths: [here] }))

const everything = { Effect: "Allow", Principal: "*", Action: "*", Resource: "*" }
// RCPFullAWSAccess, which cannot be detached.
const full = { Version: "2012-10-17", Statement: [everything] }
const load = (document) => document && loadPolicy(document, { name: "policy" })
const levels = (documents) =>
  documents.map((level, index) => ({ orgIdentifier: `${index}`, policies: level.map(load) }))

function decide(step) {
  const resource = { resource: step.resource, accountId: step.account }
  const context = new RequestContextImpl(step.context)
  const controls = step.resource_control_policies
  const found = authorize({
    request: new AwsRequestImpl(step.principal, resource, step.action, context),
    sessionPolicy: load(step.session_policy),
    identityPolicies: step.identity_policies.map(load),
    serviceControlPolicies: levels(step.service_control_policies || []),
    resourceControlPolicies: levels(controls ? [[full, ...controls]] : []),
    resourcePolicy: load(step.resource_policy),
    permissionBoundaries: step.permissions_boundary && [load(step.permissions_boundary)],
    vpcEndpointPolicies: step.endpoint_policy && [load(step.endpoint_policy)],
    simulationParameters: {
      simulationMode: "Strict", discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([])
    }
  })
  return found.result === "Allowed" ? "allow" : "deny"
}

const given = JSON.parse(require("fs").readFileSync(0, "utf8"))
process.stdout.write(JSON.stringify(given.map(decide)))
