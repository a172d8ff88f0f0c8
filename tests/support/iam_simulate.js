// Decide requests with @cloud-copilot/iam-simulate: JSON in, a list of "allow" and "deny" out.
const path = require("path")
const here = path.join(process.argv[2], "@cloud-copilot/iam-simulate/dist/cjs")
const { authorize } = require(path.join(here, "core_engine/CoreSimulatorEngine.js"))
const { AwsRequestImpl } = require(path.join(here, "request/request.js"))
const { RequestContextImpl } = require(path.join(here, "requestContext.js"))
const { DiscoveryContextKeyConstraints } =
  require(path.join(here, "context_keys/discoveryContextKeyConstraints.js"))
const inside = { paths: [here] }
const { loadPolicy } = require(require.resolve("@cloud-copilot/iam-policy", inside))
const load = (document) => document && loadPolicy(document, { name: "policy" })

function decide({ principal, action, resource, account, context, ...policies }) {
  const request = new AwsRequestImpl(
    principal, { resource, accountId: account }, action, new RequestContextImpl(context)
  )
  const levels = (documents) =>
    (documents || []).map((level, index) => ({
      orgIdentifier: `level-${index}`, policies: level.map(load)
    }))
  const found = authorize({
    request,
    sessionPolicy: load(policies.session),
    identityPolicies: policies.identity.map(load),
    serviceControlPolicies: levels(policies.serviceControl),
    resourceControlPolicies: levels(policies.resourceControl),
    resourcePolicy: load(policies.resourcePolicy),
    permissionBoundaries: policies.boundary && [load(policies.boundary)],
    vpcEndpointPolicies: policies.endpoint && [load(policies.endpoint)],
    simulationParameters: {
      simulationMode: "Strict", discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([])
    }
  })
  return found.result === "Allowed" ? "allow" : "deny"
}

const given = JSON.parse(require("fs").readFileSync(0, "utf8"))
process.stdout.write(JSON.stringify(given.map(decide)))
