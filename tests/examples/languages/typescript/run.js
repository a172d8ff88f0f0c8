// Does OPERATION (up, preview, destroy) with the example, as PROJECT's stack dev with CONFIG, as JSON.
const { LocalWorkspace } = require("@pulumi/pulumi/automation");

const [operation, projectName, config] = process.argv.slice(2);

async function main() {
    const program = async () => { require("./index.js"); };
    const stack = await LocalWorkspace.createOrSelectStack({ stackName: "dev", projectName, program });
    for (const [key, value] of Object.entries(JSON.parse(config))) await stack.setConfig(key, { value });
    await stack[operation]({ onOutput: text => process.stdout.write(text) });
}

main().catch(error => { console.error(error.message); process.exit(1); });
