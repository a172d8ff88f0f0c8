import software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider;
import software.amazon.awssdk.services.sts.StsClient;

/** Prints the ARN that the AWS SDK for Java 2 is, by its default chain or with a profile. */
public class Caller {
    public static void main(String[] profiles) {
        var builder = StsClient.builder();
        if (profiles.length > 0) {
            builder.credentialsProvider(ProfileCredentialsProvider.create(profiles[0]));
        }
        try (var sts = builder.build()) {
            System.out.println(sts.getCallerIdentity().arn());
        }
    }
}
